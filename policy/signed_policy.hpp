// From bytes that anyone may have sent to a policy in force: signatures, authority, validity,
// serial.
#pragma once

#include "policy/freshness.hpp"

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

// What an enclave obeys at one moment: a handshake keeps the one that it began with.
struct PolicySnapshot {
  PolicyPtr policy;                           // nullptr: none was installed yet
  std::optional<base::UnixMillis> confirmed;  // by the newest freshness statement for it

  // no_policy, not_yet_valid, expired, freshness_missing, freshness_too_old.
  [[nodiscard]] base::Status usable_at(base::UnixMillis now) const;
};

// The policy that an enclave obeys, under the authority measured into its PCR16. Not thread-safe;
// the PolicyPtr handed out are.
class PolicyInForce {
 public:
  explicit PolicyInForce(attest::AuthorityDescriptor authority)
      : authority_(std::move(authority)) {}

  // Takes a policy with a higher serial only. serial_lower; serial_conflict when another policy has
  // the same serial (its signers signed twice: audit it). Where the policy may be of a changed
  // authority, the detail says what must be redone. Whatever fails changes nothing.
  [[nodiscard]] base::Result<Installation> install(base::BytesView envelope, base::UnixMillis now);

  // Takes a statement for the policy in force that is newer than the one at hand; an older one is
  // freshness_older. One for another policy is freshness_other_policy and kept aside: it may have
  // come before the policy that it is for, and is looked at again when that comes.
  [[nodiscard]] base::Result<Installation> install_freshness(base::BytesView envelope,
                                                             base::UnixMillis now);

  // nullptr before the first installation. Not judged by time: see at().
  [[nodiscard]] const PolicyPtr& latest() const noexcept { return in_force_.policy; }
  [[nodiscard]] const PolicySnapshot& snapshot() const noexcept { return in_force_; }
  // The statement that confirmed it last, as it came; empty: none did.
  [[nodiscard]] const base::Bytes& statement() const noexcept { return statement_; }
  // The policy, unless it is not usable at `now` (PolicySnapshot::usable_at).
  [[nodiscard]] base::Result<PolicyPtr> at(base::UnixMillis now) const;
  [[nodiscard]] const attest::AuthorityDescriptor& authority() const noexcept { return authority_; }

 private:
  attest::AuthorityDescriptor authority_;
  PolicySnapshot in_force_;
  base::Bytes statement_;
  base::Bytes early_statement_;  // at most limits::kStatementBytes; nothing of it is verified
};

}  // namespace concordat::policy
