// What key generation and resharing have in common: each dealer shares a number among the holders,
// and the holders' shares add up.
//
//   1  broadcast  SHA-256 of (roster, i, opening)
//   2  broadcast  opening: commitments to the coefficients of f_i, and what shows that f_i(0) is
//                 what it should be
//   3  letter     f_i(x) to the holder of share x
//   4  broadcast  SHA-256 of (roster, openings, group)
//
// Who is no dealer sends nothing in rounds 1 to 3; all send round 4.
//
// Round 1 is so that nobody chooses with the others' commitments before its eyes: a public key to
// its liking, or commitments that cancel another's and end the run with nobody to blame. What is
// left to a party is to end a run that leads to a key it does not like, which names it.
// Round 4 is the parties' word that each has its share. It is sealed before its party confirms the
// result, and counts when a receipt is shown (settling.hpp).
#pragma once

#include "session/protocols/frost/indices.hpp"
#include "session/protocols/frost/key_share.hpp"

namespace concordat::session::frost {

using Commitments = base::sharing::Commitments<Curve>;
using base::sharing::Polynomial;
using base::sharing::Share;

class Dealing : public Protocol {
 public:
  [[nodiscard]] Round rounds() const noexcept override { return kConfirm; }
  [[nodiscard]] RoundShape shape(Round round) const noexcept override;
  [[nodiscard]] base::Result<Outgoing> send(Round round) override;
  [[nodiscard]] base::Status check_broadcast(Round round, PartyIndex from,
                                             base::BytesView broadcast) const override;
  [[nodiscard]] base::Status check_letter(
      Round round, PartyIndex from, PartyIndex to, const base::SecretBytes& letter,
      const std::map<PartyIndex, base::Bytes>& broadcasts) const override;
  [[nodiscard]] base::Status receive(Round round, Incoming incoming) override;
  // result: the group (group_info.hpp); kept: a holder's share (key_share.hpp).
  [[nodiscard]] base::Result<Output> output() override;

 protected:
  struct Plan {
    std::string_view name;  // of the protocol: no other's hashes are the same
    Indices dealers;
    Indices holders;  // without gaps
    std::size_t proof_size = 0;
    std::uint64_t epoch = 0;  // of the group that comes out
  };
  // `polynomial`: what this party deals, if it is a dealer.
  Dealing(const Seat& seat, Plan plan, std::optional<Polynomial> polynomial);

  [[nodiscard]] const Seat& seat() const noexcept { return seat_; }
  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }

  // What an opening has behind the commitments, of plan().proof_size.
  [[nodiscard]] virtual base::Bytes prove_constant(const Scalar& secret,
                                                   const Element& constant) const = 0;
  // Whether the dealer may share what `constant` is of.
  [[nodiscard]] virtual base::Status check_constant(PartyIndex dealer, const Element& constant,
                                                    base::BytesView proof) const = 0;
  // Of what was dealt, in the order of the dealers.
  [[nodiscard]] virtual base::Result<Commitments> combine(
      const std::vector<Commitments>& dealt) const = 0;
  [[nodiscard]] virtual base::Result<Share> combine(const std::vector<Share>& dealt) const = 0;

 private:
  enum : Round { kCommit = 1, kOpen, kDeal, kConfirm };
  [[nodiscard]] bool is_dealer(PartyIndex party) const { return plan_.dealers.contains(party); }
  // Of what a party sends in this round; 0: nothing.
  [[nodiscard]] std::size_t broadcast_size(Round round, PartyIndex from) const;
  [[nodiscard]] std::size_t letter_size(Round round, PartyIndex from, PartyIndex to) const;
  [[nodiscard]] base::Bytes opening() const;
  [[nodiscard]] base::Result<Commitments> read_opening(base::BytesView opening) const;
  [[nodiscard]] base::Sha256Digest hash_of(PartyIndex party, base::BytesView opening) const;
  [[nodiscard]] base::Status check_opening(PartyIndex from, base::BytesView opening) const;
  [[nodiscard]] base::Result<std::map<PartyIndex, base::SecretBytes>> letters() const;
  [[nodiscard]] base::Status take_hashes(const std::map<PartyIndex, base::Bytes>& hashes);
  [[nodiscard]] base::Status take_openings(const std::map<PartyIndex, base::Bytes>& openings);
  [[nodiscard]] base::Status take_letters(std::map<PartyIndex, base::SecretBytes> letters);

  Seat seat_;
  Plan plan_;
  std::optional<Polynomial> polynomial_;  // until its shares are dealt
  base::Bytes opening_;
  std::map<PartyIndex, base::Sha256Digest> hashes_;
  std::map<PartyIndex, Commitments> commitments_;
  std::optional<GroupInfo> group_;
  base::Sha256Digest confirmation_;
  std::optional<KeyShare> share_;
};

}  // namespace concordat::session::frost
