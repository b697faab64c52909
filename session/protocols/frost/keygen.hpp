// Distributed key generation: Pedersen's, with a proof of possession of each constant term, as in
// KeyGen of the FROST paper (Komlo, Goldberg, SAC 2020, figure 1). RFC 9591 leaves it open. Each
// party shares a random number; the key is their sum. FROST is proved secure with this even where
// the last party to commit chooses the public key; here (dealing.hpp, round 1) none can.
#pragma once

#include "session/protocols/frost/dealing.hpp"

namespace concordat::session::frost {

class Keygen final : public Dealing {
 public:
  // All the descriptor's parties take part, and hold the key. wrong_parties, bad_threshold.
  [[nodiscard]] static base::Result<std::unique_ptr<Protocol>> begin(const Seat& seat,
                                                                     std::size_t parties);

 private:
  using Dealing::Dealing;
  [[nodiscard]] base::Bytes prove_constant(const Scalar& secret,
                                           const Element& constant) const override;
  [[nodiscard]] base::Status check_constant(PartyIndex dealer, const Element& constant,
                                            base::BytesView proof) const override;
  [[nodiscard]] base::Result<Commitments> combine(
      const std::vector<Commitments>& dealt) const override;
  [[nodiscard]] base::Result<Share> combine(const std::vector<Share>& dealt) const override;
};

}  // namespace concordat::session::frost
