#include "session/messaging/judging.hpp"

#include "session/messaging/error.hpp"

namespace concordat::session::messaging {

using base::Error;
using base::Status;

Status Judge::check_equivocation(const Equivocation& it) const {
  for (const Seen* seen : {&it.first, &it.second}) {
    CONCORDAT_CHECK(check(seen->signature, statements_.broadcast(it.round, it.party, seen->digest),
                          it.party, key_of(it.party)));
  }
  return {};
}

Status Judge::check_seats(const Evidence& evidence) const {
  const PartyIndex accused = accused_of(evidence);
  if (!keys_.contains(accused)) return Error(Errc::bad_accusation, "of nobody");
  if (std::holds_alternative<Equivocation>(evidence)) return {};
  const PartyIndex accuser = accuser_of(evidence);
  if (keys_.contains(accuser) && accuser != accused) return {};
  return Error(Errc::bad_accusation, "by nobody, or of oneself");
}

Status Judge::check_accuser(const Evidence& accusation) const {
  const PartyIndex accuser = accuser_of(accusation);
  return check(accuser_signature(accusation), statements_.accusation(accuser, claim_of(accusation)),
               accuser, key_of(accuser));
}

bool Judge::is_founded(const BadBroadcast& it) const {
  const auto broadcast = statements_.broadcast(it.round, it.accused, base::sha256({it.body}));
  return check(it.signature, broadcast, it.accused, key_of(it.accused)).has_value();
}

bool Judge::is_founded(const BadLetter& it) const {
  const auto letter = statements_.letter(it.round, it.accused, it.accuser, base::sha256({it.body}));
  return check(it.signature, letter, it.accused, key_of(it.accused)).has_value() &&
         are_echoes(it.round, it.vector, it.echoes);
}

bool Judge::are_echoes(Round round, const base::Sha256Digest& vector,
                       const std::vector<Signature>& echoes) const {
  if (echoes.size() != keys_.size()) return false;
  std::size_t place = 0;
  for (const auto& [party, key] : keys_) {
    if (!check(echoes[place++], statements_.echo(round, party, vector), party, key)) return false;
  }
  return true;
}

}  // namespace concordat::session::messaging
