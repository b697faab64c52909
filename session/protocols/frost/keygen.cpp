#include "session/protocols/frost/keygen.hpp"

#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/proof.hpp"

namespace concordat::session::frost {

using base::Error;
using base::Result;

Result<std::unique_ptr<Protocol>> Keygen::begin(const Seat& seat, std::size_t parties) {
  if (seat.parties.size() != parties) {
    return Error(Errc::wrong_parties, std::to_string(seat.parties.size()) + " of " +
                                          std::to_string(parties) +
                                          " take part; a key is made by all of its holders");
  }
  CONCORDAT_CHECK(check_threshold(seat.threshold, parties));
  const Indices all = by_place(seat.parties);
  CONCORDAT_TRY(Polynomial polynomial, Polynomial::random(Scalar::random(), seat.threshold));
  return std::unique_ptr<Protocol>(new Keygen(
      seat, Plan{"concordat/frost-keygen/1", all, all, kProofSize}, std::move(polynomial)));
}

base::Bytes Keygen::prove_constant(const Scalar& secret, const Element& constant) const {
  return prove(seat().roster, seat().self, secret, constant);
}

base::Status Keygen::check_constant(PartyIndex dealer, const Element& constant,
                                    base::BytesView proof) const {
  return check_proof(seat().roster, dealer, constant, proof);
}

Result<Commitments> Keygen::combine(const std::vector<Commitments>& dealt) const {
  return Commitments::sum(dealt);
}

Result<Share> Keygen::combine(const std::vector<Share>& dealt) const {
  Share out{dealt.front().index, Scalar::from_number(0)};
  for (const Share& share : dealt)
    out.value += share.value;
  return out;
}

}  // namespace concordat::session::frost
