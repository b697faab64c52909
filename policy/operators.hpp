// Operators: who is no enclave, is listed in policy by a key, and proves itself by a signature. Not
// to be mistaken for an admitted enclave, whose type is AdmittedPeer: an operator has no role, and
// so neither grants nor keys.
#pragma once

#include "policy/dsse.hpp"
#include "policy/policy.hpp"

namespace concordat::policy {

// nullptr where policy lists no operator with that key.
[[nodiscard]] const Operators::value_type* operator_with(const Model& model,
                                                         const attest::SignerKey& key);

// Who comes, for what, to whom, and how it proves that. The views must outlive the call only.
struct OperatorQuestion {
  std::string_view my_role;  // the responder's
  std::string_view purpose;
  attest::SignerKey key;
  base::BytesView message;  // made for this one occasion
  Signature signature;      // over `message`
};

// An operator that `admit_operator` let in, and under what. Copyable; nothing in it is secret.
class AdmittedOperator {
 public:
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const attest::SignerKey& key() const noexcept { return key_; }
  [[nodiscard]] const std::string& purpose() const noexcept { return purpose_; }
  [[nodiscard]] std::uint64_t policy_serial() const noexcept { return policy_serial_; }
  [[nodiscard]] const PolicyDigest& policy_digest() const noexcept { return policy_digest_; }

 private:
  friend base::Result<AdmittedOperator> admit_operator(const Policy&, const OperatorQuestion&);
  AdmittedOperator() = default;

  std::string name_, purpose_;
  attest::SignerKey key_;
  std::uint64_t policy_serial_ = 0;
  PolicyDigest policy_digest_;
};

// The only maker of AdmittedOperator. In this order: the purpose is known and this side's role
// answers it, the key is an operator's, the purpose is among its purposes, the signature verifies.
// The caller answers for policy.valid_at(now).
[[nodiscard]] base::Result<AdmittedOperator> admit_operator(const Policy& policy,
                                                            const OperatorQuestion& question);

}  // namespace concordat::policy
