// Verified claims of enclaves that never ran: documents of the lab's PKI, verified under its root.
#pragma once

#include <memory>

#include "attest/authority.hpp"
#include "attest/custom_root.hpp"
#include "attest/mint.hpp"
#include "attest/verify.hpp"
#include "deploy/lab/software_nsm.hpp"

namespace concordat::test {

class LabClaims {
 public:
  explicit LabClaims(base::UnixMillis now)
      : now_(now),
        pki_(lab::Pki::create(now).value()),
        anchors_(attest::trust_anchors_from_root(pki_->root_der()).value()) {}

  // The document of an enclave that has bound `authority` (nullptr: none) into its PCR16.
  [[nodiscard]] base::Bytes document(const lab::EnclaveIdentity& identity,
                                     const attest::AuthorityDescriptor* authority,
                                     const attest::MintRequest& request = {}) {
    lab::SoftwareNsm nsm(*pki_, identity, [this] { return now_; });
    if (authority != nullptr) (void)attest::bind_authority(nsm, *authority).value();
    return attest::mint(nsm, request).value();
  }
  [[nodiscard]] attest::VerifiedClaims verified(base::BytesView document) const {
    return attest::verify_archived(attest::UnverifiedDocument::parse(document).value(), anchors_,
                                   now_, attest::DebugDocuments::allow)
        .value();
  }
  [[nodiscard]] attest::VerifiedClaims claims(const lab::EnclaveIdentity& identity,
                                              const attest::AuthorityDescriptor* authority) {
    return verified(document(identity, authority));
  }
  [[nodiscard]] lab::Pki& pki() noexcept { return *pki_; }

 private:
  base::UnixMillis now_;
  std::unique_ptr<lab::Pki> pki_;
  attest::TrustAnchors anchors_;
};

}  // namespace concordat::test
