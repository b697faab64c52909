// The certificate chain of a document, from a pinned root to the leaf that signs.
// Source: attestation_process.md section 3.2.3 and RFC 5280 section 6, CRLs off as AWS says.
#pragma once

#include "attest/chain_cache.hpp"
#include "attest/document.hpp"
#include "attest/roots.hpp"

namespace concordat::attest {

struct VerifiedChain {
  std::shared_ptr<const VerifiedLeaf> leaf;
  RootKind root;
};

// Requires cabundle[0] to be a trusted root and every certificate to have issued the next, down to
// `certificate`: none may be skipped, repeated or out of order. All must be valid at `at`. `cache`
// may be null. Fails with the codes of steps `root` and `chain`.
[[nodiscard]] base::Result<VerifiedChain> verify_chain(const DocumentFields& fields,
                                                       const TrustAnchors& anchors,
                                                       base::UnixMillis at, ChainCache* cache);

}  // namespace concordat::attest
