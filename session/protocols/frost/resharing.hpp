// Resharing: holders of shares deal them anew, to other holders, under another threshold. The key
// and its public half stay. Each dealer, at least as many as the old threshold, shares its share
// (dealing.hpp); that its constant term is the share shows by the group's verification share, so
// that it needs no proof. A new share is the sum of what the dealers sent, each times its
// coefficient of Lagrange.
//
// The old shares are shares of the key still: as many as the old threshold, kept by whoever should
// have deleted them, sign. They do not mix with new ones.
#pragma once

#include "session/protocols/frost/dealing.hpp"

namespace concordat::session::frost {

class Resharing final : public Dealing {
 public:
  // `share`: this party's of `group`, if it is a dealer; nullptr: none. `dealers` have shares of
  // `group`, `holders` get new ones. wrong_parties, bad_threshold; no_share, wrong_share.
  [[nodiscard]] static base::Result<std::unique_ptr<Protocol>> begin(const Seat& seat,
                                                                     const GroupInfo& group,
                                                                     const Indices& dealers,
                                                                     const Indices& holders,
                                                                     const KeyShare* share);

 private:
  Resharing(const Seat& seat, Plan plan, std::optional<Polynomial> polynomial,
            const GroupInfo& group);
  [[nodiscard]] base::Bytes prove_constant(const Scalar&, const Element&) const override;
  [[nodiscard]] base::Status check_constant(PartyIndex dealer, const Element& constant,
                                            base::BytesView proof) const override;
  [[nodiscard]] base::Result<Commitments> combine(
      const std::vector<Commitments>& dealt) const override;
  [[nodiscard]] base::Result<Share> combine(const std::vector<Share>& dealt) const override;
  [[nodiscard]] std::vector<Index> old_indices() const;

  GroupInfo group_;
};
// What a descriptor can ask for, whoever takes part. wrong_parties, bad_threshold.
[[nodiscard]] base::Status check_resharing(const GroupInfo& group, const Indices& dealers,
                                           const Indices& holders, std::size_t threshold);

}  // namespace concordat::session::frost
