// Is this verified document a peer that policy admits in this role, for this purpose, on that side?
// Evaluation walks what policy requires, in the order of AdmissionErrc, never what the document
// happens to offer: whatever is absent (from policy or from the document) denies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/errc.hpp"
#include "policy/policy.hpp"

namespace concordat::attest {
class VerifiedClaims;  // attest/claims.hpp
}

namespace concordat::policy {

enum class Side { initiator, responder };
[[nodiscard]] std::string_view to_string(Side side) noexcept;
[[nodiscard]] constexpr Side other(Side side) noexcept {
  return side == Side::initiator ? Side::responder : Side::initiator;
}

// `peer_role` is the role that the peer claims; the answer says whether it may. The views must
// outlive the call only.
struct Question {
  std::string_view my_role;
  std::string_view peer_role;
  std::string_view purpose;
  Side peer_side = Side::responder;
  // An operator asks, who has this key in place of a role; it asks responders only.
  std::optional<attest::SignerKey> my_key{};
};

// One line of `concordat policy explain`.
struct Requirement {
  std::string subject;  // "purpose", "peer role", "PCR0", ...
  std::string wanted;
  std::string found;
  bool met = false;
  AdmissionErrc code{};  // what its failure is called
};

struct Evaluation {
  // The first unmet requirement; the detail names it, what was wanted and what was found. A PCR
  // that differs is in it by name.
  base::Status verdict;
  std::string image;  // the image matched; empty when none
  // Every requirement that was looked at. Where no image matches: those of the nearest one.
  std::vector<Requirement> requirements;
};

[[nodiscard]] Evaluation evaluate(const Model& model, const Question& question,
                                  const attest::VerifiedClaims& claims, const PcrValue& own_pcr16);

// The part of it that does not depend on who asks: is this a document of an enclave that holds
// `role` under the authority whose PCR16 is given? What pin-root and `explain --role` ask.
[[nodiscard]] Evaluation evaluate_role(const Model& model, std::string_view role,
                                       const attest::VerifiedClaims& claims,
                                       const PcrValue& own_pcr16);

// Another party of a session, as the session's descriptor names it. Views as above.
struct PartyQuestion {
  std::string_view session;   // the descriptor's id
  std::string_view protocol;  // and its protocol
  std::string_view my_role;
  std::string_view realm, role;
  attest::AuthorityDigest authority;
  Side side = Side::responder;  // of the handshake; says nothing about the party
};

// The rule for a session; nullptr: none.
[[nodiscard]] const SessionRule* session_rule(const Model& model, std::string_view id,
                                              std::string_view protocol);

// May this party sit there? The rule first, then, with `claims`, the evidence: PCR16 is that of the
// authority that descriptor and policy both name, the rest as for a role. Without: the rule alone.
[[nodiscard]] Evaluation evaluate_party(const Model& model, const PartyQuestion& question,
                                        const attest::VerifiedClaims* claims,
                                        const PcrValue& own_pcr16);

// A peer that `admit` let in, and under what. Copyable; nothing in it is secret.
class AdmittedPeer {
 public:
  [[nodiscard]] const std::string& role() const noexcept { return role_; }
  [[nodiscard]] const std::string& purpose() const noexcept { return purpose_; }
  [[nodiscard]] Side side() const noexcept { return side_; }
  [[nodiscard]] const std::string& image() const noexcept { return image_; }
  [[nodiscard]] const std::string& module_id() const noexcept { return module_id_; }
  // SHA-256 over the indices and values of all PCRs of the document, ascending.
  [[nodiscard]] const base::Sha256Digest& pcrs_digest() const noexcept { return pcrs_digest_; }
  [[nodiscard]] std::uint64_t policy_serial() const noexcept { return policy_serial_; }
  [[nodiscard]] const PolicyDigest& policy_digest() const noexcept { return policy_digest_; }

 private:
  friend base::Result<AdmittedPeer> admit(const Policy&, const Question&,
                                          const attest::VerifiedClaims&, const PcrValue&);
  friend base::Result<AdmittedPeer> admit_party(const Policy&, const PartyQuestion&,
                                                const attest::VerifiedClaims&, const PcrValue&);
  AdmittedPeer() = default;
  AdmittedPeer(const Policy& policy, Evaluation evaluation, const attest::VerifiedClaims& claims);

  std::string role_, purpose_, image_, module_id_;
  Side side_ = Side::initiator;
  base::Sha256Digest pcrs_digest_;
  std::uint64_t policy_serial_ = 0;
  PolicyDigest policy_digest_;
};

// evaluate() under a signed policy; the only maker of AdmittedPeer. The caller answers for the
// freshness of `claims` (verify_live with policy.document_max_age()) and for policy.valid_at(now).
[[nodiscard]] base::Result<AdmittedPeer> admit(const Policy& policy, const Question& question,
                                               const attest::VerifiedClaims& claims,
                                               const PcrValue& own_pcr16);
// Likewise from evaluate_party(), for kSessionPurpose.
[[nodiscard]] base::Result<AdmittedPeer> admit_party(const Policy& policy,
                                                     const PartyQuestion& question,
                                                     const attest::VerifiedClaims& claims,
                                                     const PcrValue& own_pcr16);

}  // namespace concordat::policy
