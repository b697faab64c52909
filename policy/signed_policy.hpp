// From bytes that anyone may have sent to a policy in force: signatures, authority, validity,
// serial.
#pragma once

#include "policy/dsse.hpp"
#include "policy/policy.hpp"

namespace concordat::policy {

// The only maker of Policy.
class SignedPolicy {
 public:
  // In this order: envelope, payload type, signatures (k of n), then the payload is read at all;
  // it must name exactly this authority and its realm, and be valid at `now`.
  [[nodiscard]] static base::Result<PolicyPtr> verify(base::BytesView envelope,
                                                      const attest::AuthorityDescriptor& authority,
                                                      base::UnixMillis now);
};

enum class Installation { replaced, already_in_force };

// The policy that an enclave obeys, under the authority measured into its PCR16. Not thread-safe;
// the PolicyPtr handed out are.
class PolicyInForce {
 public:
  explicit PolicyInForce(attest::AuthorityDescriptor authority)
      : authority_(std::move(authority)) {}

  // Takes a policy with a higher serial only. serial_lower; serial_conflict when another policy has
  // the same serial (its signers signed twice: audit it). Whatever fails changes nothing.
  [[nodiscard]] base::Result<Installation> install(base::BytesView envelope, base::UnixMillis now);

  // nullptr before the first installation. Not judged by time: see at().
  [[nodiscard]] const PolicyPtr& latest() const noexcept { return policy_; }
  // The policy, unless there is none or it is not valid at `now` (not_yet_valid, expired).
  [[nodiscard]] base::Result<PolicyPtr> at(base::UnixMillis now) const;
  [[nodiscard]] const attest::AuthorityDescriptor& authority() const noexcept { return authority_; }

 private:
  attest::AuthorityDescriptor authority_;
  PolicyPtr policy_;
};

}  // namespace concordat::policy
