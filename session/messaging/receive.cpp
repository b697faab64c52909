#include "session/messaging/error.hpp"
#include "session/messaging/run.hpp"

namespace concordat::session::messaging {

using base::Error;
using base::Status;

namespace {

Error out_of_turn(std::string_view what, Round round) {
  return {Errc::out_of_turn, std::string(what) + " of round " + std::to_string(round)};
}

}  // namespace

// Once ended, proof alone is of interest.
Status Run::handle(PartyIndex from, Message message) {
  if (ended_ && !std::holds_alternative<Blame>(message)) return {};
  return std::visit([&](auto& it) { return on(from, std::move(it)); }, message);
}

// An honest party is at most one round ahead: it lacks this party's echo.
Status Run::check_turn(Round round) const {
  if (round == round_ || (round == round_ + 1 && round <= last_)) return {};
  return out_of_turn("message", round);
}

Status Run::on(PartyIndex from, Broadcast message) {
  CONCORDAT_CHECK(check_turn(message.round));
  const Seen seen{base::sha256({message.body}), message.signature};
  CONCORDAT_CHECK(check(seen.signature, statements_.broadcast(message.round, from, seen.digest),
                        from, key_of(from)));
  RoundBook& into = books_[message.round];
  if (const auto earlier = into.seen.find(from); earlier != into.seen.end()) {
    if (earlier->second.digest == seen.digest)
      return out_of_turn("second broadcast", message.round);
    convict(from, equivocation(message.round, from, earlier->second, seen));
    return {};
  }
  into.seen[from] = seen;
  into.bodies[from] = std::move(message.body);
  if (message.round == round_ && !is_working_) take_in(from);
  progress();
  return {};
}

// A broadcast of this round: against its check, and against what others saw of it.
void Run::take_in(PartyIndex from) {
  if (ended_) return;
  if (!check_broadcast(round_, from, book().bodies.at(from))) return accuse_of_broadcast(from);
  for (const auto& [echoer, echo] : book().echoes) {
    if (echoer == self_) continue;
    const Status alike = compare(from, echo.seen.at(place_of(from)));
    if (!alike) return bar(echoer, alike.error());
    if (ended_) return;
  }
}

Status Run::on(PartyIndex from, Letter message) {
  CONCORDAT_CHECK(check_turn(message.round));
  if (protocol_->shape(message.round).letter == 0) return out_of_turn("letter", message.round);
  CONCORDAT_CHECK(check(message.signature,
                        statements_.letter(message.round, from, self_, digest_of(message.body)),
                        from, key_of(from)));
  RoundBook& into = books_[message.round];
  if (into.letter_signatures.contains(from)) return out_of_turn("second letter", message.round);
  into.letter_signatures[from] = message.signature;
  into.letters[from] = std::move(message.body);
  progress();
  return {};
}

// Never of the round after: who echoes has this party's broadcast.
Status Run::on(PartyIndex from, Echo message) {
  if (message.round != round_ || book().echoes.contains(from)) {
    return out_of_turn("echo", message.round);
  }
  CONCORDAT_CHECK(check(message.signature, statements_.echo(round_, from, vector_of(message.seen)),
                        from, key_of(from)));
  const Echo& echo = book().echoes[from] = std::move(message);
  for (const PartyIndex party : group_.seat.parties)
    CONCORDAT_CHECK(compare(party, echo.seen.at(place_of(party))));
  progress();
  return {};
}

// What somebody else saw of a party's broadcast. Where it is something else, and the party's own
// signature is on it, the two are proof; without the signature whoever says so lies.
Status Run::compare(PartyIndex party, const Seen& theirs) {
  const auto own = book().seen.find(party);
  if (own == book().seen.end() || own->second.digest == theirs.digest) return {};
  CONCORDAT_CHECK(check(theirs.signature, statements_.broadcast(round_, party, theirs.digest),
                        party, key_of(party)));
  convict(party, equivocation(round_, party, own->second, theirs));
  return {};
}

std::size_t Run::place_of(PartyIndex party) const {
  const auto& parties = group_.seat.parties;
  return static_cast<std::size_t>(std::ranges::lower_bound(parties, party) - parties.begin());
}

Status Run::on(PartyIndex from, const Confirmation& message) {
  if (round_ != last_ || confirmations_.contains(from)) return out_of_turn("confirmation", last_);
  CONCORDAT_CHECK(
      check(message.signature, statements_.result(from, message.result), from, key_of(from)));
  confirmations_[from] = message;
  progress();
  return {};
}

// Nothing of a party that has confirmed is lacking any more.
Status Run::on(PartyIndex from, const Farewell&) {
  if (!confirmations_.contains(from)) stop(Reason::ended_by_another, {from});
  return {};
}

void Run::bar(PartyIndex party, const Error& why) {
  Peer& peer = peers_.at(party);
  peer.barred = true;
  peer.link.forget();
  peer.waiting.reset();
  stop(Reason::broke_rules, {party}, why);
}

}  // namespace concordat::session::messaging
