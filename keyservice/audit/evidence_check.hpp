// Evidence as an auditor takes it: each file once against its name, and what it says by type.
#pragma once

#include <cstring>
#include <memory>
#include <unordered_set>

#include "attest/base/lru_map.hpp"
#include "attest/claims.hpp"
#include "keyservice/audit/evidence.hpp"
#include "keyservice/audit/finding_list.hpp"
#include "keyservice/audit/source.hpp"
#include "policy/policy.hpp"

namespace concordat::keyservice::audit {

using ClaimsPtr = std::shared_ptr<const attest::VerifiedClaims>;

class EvidenceCheck {
 public:
  // All outlive this.
  EvidenceCheck(Source& source, const attest::TrustAnchors& anchors, FindingList& findings)
      : source_(source), anchors_(anchors), findings_(findings) {}

  // That what the entry at `index` refers to is there and is what its name says.
  void require(std::uint64_t index, const EvidenceRef& ref);
  // Content that is as its name says; nullopt otherwise, which require() tells.
  [[nodiscard]] std::optional<base::Bytes> content(const base::Sha256Digest& hash);
  // A document verified at its own time under the anchors; null with a finding otherwise.
  [[nodiscard]] ClaimsPtr document(std::uint64_t index, const base::Sha256Digest& hash);
  // A policy that was in force at `at` under this authority; null with a finding otherwise.
  [[nodiscard]] policy::PolicyPtr policy(std::uint64_t index, const base::Sha256Digest& hash,
                                         const attest::AuthorityDescriptor& authority,
                                         base::UnixMillis at);

  // Whether an entry refers to evidence whose file has this name.
  [[nodiscard]] bool is_referred_to(const std::string& name) const;
  [[nodiscard]] std::size_t count() const noexcept { return required_.size(); }

 private:
  struct FirstBytes {  // a hash is as good as random
    std::size_t operator()(const base::Sha256Digest& hash) const noexcept {
      std::size_t out = 0;
      std::memcpy(&out, hash.view().data(), sizeof out);
      return out;
    }
  };

  Source& source_;
  const attest::TrustAnchors& anchors_;
  FindingList& findings_;
  std::unordered_set<base::Sha256Digest, FirstBytes> required_;
  base::LruMap<base::Sha256Digest, ClaimsPtr> documents_{kRememberedDocuments};
  base::LruMap<base::Sha256Digest, policy::PolicyPtr> policies_{kRememberedDocuments};
};

}  // namespace concordat::keyservice::audit
