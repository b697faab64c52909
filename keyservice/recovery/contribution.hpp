// A holder's share on its way to the enclave that restores: opened on the holder's machine, sealed
// to the target's key, and authentic, so that what is wrong with it is that holder's doing and
// nobody else can make it seem so.
//
//   contribution   ["concordat/recovery-contribution/1", order digest (32), holder, sealed (80)]
//   sealed         HPKE, mode auth, from the holder's key to the target's, of the share (32), info
//   =
//                  CBOR ["concordat/recovery-contribution/1", order digest, set digest, holder,
//                  index]
//
// Deterministic CBOR. Mode auth convinces the target alone, which could have made it itself.
#pragma once

#include "keyservice/recovery/evidence.hpp"

namespace concordat::keyservice::recovery {

struct Contribution {
  policy::OrderDigest order;
  std::string holder;
  base::Bytes sealed;
};
[[nodiscard]] base::Bytes encode(const Contribution& contribution);
// contribution_malformed.
[[nodiscard]] base::Result<Contribution> parse_contribution(base::BytesView encoded);

// What a holder looks at before its share leaves its machine.
struct ContributionOrder {
  const policy::SignedOrder<policy::RestoreOrder>& order;  // verified
  const RecoverySet& set;
  const TargetEvidence& target;  // verified under the policy that the order names
};
// That set and target are the ordered ones.
[[nodiscard]] base::Status check_ordered(const ContributionOrder& order);
// The share that the set holds for this key, sealed to the target. Checks as above first; what
// RecoverySet::open_share refuses.
[[nodiscard]] base::Result<Contribution> contribute(const ContributionOrder& order,
                                                    const base::hpke::PrivateKey& holder);

// The share in it, not yet matched against the set. contribution_not_for_this, not_a_holder,
// contribution_not_authentic; share_wrong where an authentic one holds no scalar.
[[nodiscard]] base::Result<base::sharing::Share> open_contribution(
    const Contribution& contribution, const policy::SignedOrder<policy::RestoreOrder>& order,
    const RecoverySet& set, const base::hpke::PrivateKey& target);

namespace detail {
// Whatever share is given: for tests of what a dishonest holder can do.
[[nodiscard]] base::Result<Contribution> seal_contribution(const ContributionOrder& order,
                                                           const base::hpke::PrivateKey& holder,
                                                           const std::string& name,
                                                           const base::SecretBytes& share);
}  // namespace detail

}  // namespace concordat::keyservice::recovery
