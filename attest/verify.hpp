// From a document to claims. The order of the checks is that of attest::Step: root, chain,
// signature, debug; then, for live documents, time and nonce.
//
// Two functions for two questions: verify_live asks whether an enclave says this now, to me;
// verify_archived asks whether an enclave said it at a given time. Neither stands in for the other.
#pragma once

#include <chrono>

#include "attest/chain_cache.hpp"
#include "attest/claims.hpp"

namespace concordat::attest {

// NSM stamps a document when it makes it; the rest is the way here, and clocks that differ.
inline constexpr std::chrono::milliseconds kDefaultMaxAge = std::chrono::minutes(5);
inline constexpr std::chrono::milliseconds kDefaultMaxFuture = std::chrono::seconds(30);

struct LiveExpectations {
  base::UnixMillis now;  // from a trusted clock
  std::chrono::milliseconds max_age = kDefaultMaxAge;
  std::chrono::milliseconds max_future = kDefaultMaxFuture;
  base::BytesView nonce;  // the challenge that this verifier chose; empty refuses every document
};

// Certificates at `now`, age limit both ways, exact nonce; debug mode always refused.
[[nodiscard]] base::Result<VerifiedClaims> verify_live(const UnverifiedDocument& document,
                                                       const TrustAnchors& anchors,
                                                       ChainCache& cache,
                                                       const LiveExpectations& expectations);

enum class DebugDocuments { refuse, allow };

// Certificates at `at`; says nothing about freshness. To verify a document at its own time, pass
// document.unverified().timestamp: the chain was then valid when the document says it was made.
[[nodiscard]] base::Result<VerifiedClaims> verify_archived(const UnverifiedDocument& document,
                                                           const TrustAnchors& anchors,
                                                           base::UnixMillis at,
                                                           DebugDocuments debug);

// The parts of verify_live and of the operator's command, for those who need one alone.
[[nodiscard]] base::Status require_fresh(const VerifiedClaims& claims, base::UnixMillis now,
                                         std::chrono::milliseconds max_age = kDefaultMaxAge,
                                         std::chrono::milliseconds max_future = kDefaultMaxFuture);
// Byte for byte; absent never equals, and an empty `nonce` is never met.
[[nodiscard]] base::Status require_nonce(const VerifiedClaims& claims, base::BytesView nonce);
[[nodiscard]] base::Status require_pcr(const VerifiedClaims& claims, unsigned index,
                                       const PcrValue& value);

}  // namespace concordat::attest
