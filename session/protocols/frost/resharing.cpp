#include "session/protocols/frost/resharing.hpp"

#include <set>

#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::Error;
using base::Result;
using base::Status;

Status check_seat(const Seat& seat, const Indices& dealers, const Indices& holders) {
  std::set<PartyIndex> wanted;
  for (const Indices* indices : {&dealers, &holders}) {
    for (const auto& [party, index] : *indices)
      wanted.insert(party);
  }
  if (std::ranges::equal(wanted, seat.parties)) return {};
  return Error(Errc::wrong_parties, "all dealers and all holders take part, and nobody else");
}

}  // namespace

Status check_resharing(const GroupInfo& group, const Indices& dealers, const Indices& holders,
                       std::size_t threshold) {
  CONCORDAT_CHECK(check_threshold(threshold, holders.size()));
  if (group.epoch() >= kMaxEpoch) return Error(Errc::bad_group, "no epoch is left");
  CONCORDAT_CHECK(check_distinct(holders, holders.size(), "holders"));
  CONCORDAT_CHECK(check_distinct(dealers, group.holders(), "dealers"));
  if (dealers.size() >= group.threshold()) return {};
  return Error(Errc::wrong_parties, std::to_string(dealers.size()) + " dealers, want " +
                                        std::to_string(group.threshold()));
}

Result<std::unique_ptr<Protocol>> Resharing::begin(const Seat& seat, const GroupInfo& group,
                                                   const Indices& dealers, const Indices& holders,
                                                   const KeyShare* share) {
  CONCORDAT_CHECK(check_resharing(group, dealers, holders, seat.threshold));
  CONCORDAT_CHECK(check_seat(seat, dealers, holders));
  std::optional<Polynomial> polynomial;
  if (const auto self = dealers.find(seat.self); self != dealers.end()) {
    if (share == nullptr) return Error(Errc::no_share, "and it is a dealer");
    CONCORDAT_CHECK(share->check_group(group));
    if (share->index() != self->second) {
      return Error(Errc::wrong_share,
                   "want share " + std::to_string(self->second) + " of the descriptor's group");
    }
    CONCORDAT_TRY(polynomial, Polynomial::random(share->secret().clone(), seat.threshold));
  }
  return std::unique_ptr<Protocol>(
      new Resharing(seat, Plan{"concordat/frost-reshare/1", dealers, holders, 0, group.epoch() + 1},
                    std::move(polynomial), group));
}

Resharing::Resharing(const Seat& seat, Plan plan, std::optional<Polynomial> polynomial,
                     const GroupInfo& group)
    : Dealing(seat, std::move(plan), std::move(polynomial)), group_(group) {}

base::Bytes Resharing::prove_constant(const Scalar&, const Element&) const {
  return {};
}

Status Resharing::check_constant(PartyIndex dealer, const Element& constant,
                                 base::BytesView) const {
  if (constant == group_.verification_share(plan().dealers.at(dealer))) return {};
  return Error(Errc::wrong_constant, "by party " + std::to_string(dealer));
}

std::vector<Index> Resharing::old_indices() const {
  std::vector<Index> out;
  for (const auto& [dealer, index] : plan().dealers)
    out.push_back(index);
  return out;
}

Result<Commitments> Resharing::combine(const std::vector<Commitments>& dealt) const {
  CONCORDAT_TRY(Commitments combined, Commitments::combine(old_indices(), dealt));
  // By the constants, which were checked: only of a group whose verification shares are of no
  // polynomial, and such a one the parties' authorities signed.
  if (combined.constant() != group_.public_key()) {
    return Error(Errc::bad_group, "its verification shares are not of its public key");
  }
  return combined;
}

Result<Share> Resharing::combine(const std::vector<Share>& dealt) const {
  return base::sharing::combine_subshares(old_indices(), dealt);
}

}  // namespace concordat::session::frost
