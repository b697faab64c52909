#include "session/messaging/error.hpp"
#include "session/messaging/judging.hpp"
#include "session/messaging/run.hpp"

namespace concordat::session::messaging {

using base::Bytes;
using base::Error;
using base::SecretBytes;
using base::Status;

namespace {

Status check_size(std::size_t size, std::size_t most) {
  if (size <= most) return {};
  return Error(Errc::too_large, std::to_string(size) + " bytes, at most " + std::to_string(most));
}

}  // namespace

Status Run::check_broadcast(Round round, PartyIndex from, base::BytesView body) const {
  CONCORDAT_CHECK(check_size(body.size(), protocol_->shape(round).broadcast));
  return protocol_->check_broadcast(round, from, body);
}

Status Run::check_letter(Round round, PartyIndex from, PartyIndex to,
                         const SecretBytes& letter) const {
  CONCORDAT_CHECK(check_size(letter.size(), protocol_->shape(round).letter));
  return protocol_->check_letter(round, from, to, letter, books_.at(round).bodies);
}

void Run::accuse_of_broadcast(PartyIndex accused) {
  BadBroadcast out{
      round_, self_, accused, book().bodies.at(accused), book().seen.at(accused).signature, {}};
  out.accuser_signature = sign(statements_.accusation(self_, claim_of(out)));
  convict(accused, std::move(out));
}

// With everybody's echo, so that who judges knows that all judge by the same broadcasts.
void Run::accuse_of_letter(PartyIndex accused) {
  BadLetter out{round_,
                self_,
                accused,
                shown(book().letters.at(accused)),
                book().letter_signatures.at(accused),
                book().vector,
                {},
                {}};
  for (const auto& [party, echo] : book().echoes)
    out.echoes.push_back(echo.signature);
  out.accuser_signature = sign(statements_.accusation(self_, claim_of(out)));
  convict(accused, std::move(out));
}

void Run::convict(PartyIndex guilty, Evidence evidence) {
  if (guilty == self_ || outcome_.convicted.contains(guilty)) return;
  const Blame blame{evidence};
  outcome_.convicted.emplace(guilty, Conviction{std::move(evidence)});
  send_to_all(blame, guilty);
  stop(Reason::convicted, {guilty});
}

// Each party is convicted once at each honest one, and that is what it passes on.
Status Run::on(PartyIndex from, Blame message) {
  if (++peers_.at(from).blames > group_.keys.size()) {
    return Error(Errc::out_of_turn, "more proofs than parties");
  }
  return judge_from(from, std::move(message.evidence));
}

Status Run::judge_from(PartyIndex from, Evidence evidence) {
  bool later = false;
  CONCORDAT_TRY(const std::optional<PartyIndex> guilty, judge(from, evidence, later));
  if (guilty) convict(*guilty, std::move(evidence));
  auto& waiting = peers_.at(from).waiting;
  if (later && !waiting) waiting = std::move(evidence);
  return {};
}

void Run::judge_waiting() {
  for (auto& [party, peer] : peers_) {
    if (!peer.waiting) continue;
    Evidence evidence = *std::move(peer.waiting);
    peer.waiting.reset();
    if (const Status judged = judge_from(party, std::move(evidence)); !judged) {
      bar(party, judged.error());
    }
  }
}

// `later`: nothing is known yet, but will be when this party has got as far as the accuser.
Run::Verdict Run::judge(PartyIndex from, const Evidence& evidence, bool& later) const {
  const Round round = round_of(evidence);
  const PartyIndex accused = accused_of(evidence);
  const Judge judge(statements_, group_.keys);
  CONCORDAT_CHECK(judge.check_seats(evidence));
  if (round > last_) return Error(Errc::bad_accusation, "of a round that there is not");
  if (const auto* it = std::get_if<Equivocation>(&evidence)) {
    CONCORDAT_CHECK(judge.check_equivocation(*it));
    return std::optional(accused);
  }
  if (outcome_.convicted.contains(accused)) return std::optional<PartyIndex>();
  CONCORDAT_CHECK(judge.check_accuser(evidence));
  const PartyIndex accuser = accuser_of(evidence);
  if (from == accuser && has_moved_on(accuser, round)) {
    return Error(Errc::out_of_turn, "accusation of a round that its accuser was content with");
  }
  if (round + 1 < round_) return std::optional<PartyIndex>();
  if (const auto* it = std::get_if<BadBroadcast>(&evidence)) return judge_broadcast(*it, later);
  return judge_letter(std::get<BadLetter>(evidence), later);
}

// By what it has sent since, which came before its accusation.
bool Run::has_moved_on(PartyIndex party, Round from) const {
  if (from == last_) return confirmations_.contains(party);
  const auto next = books_.find(from + 1);
  return next == books_.end() ? from < round_ : next->second.seen.contains(party);
}

// The accuser has signed its accusation; one that does not hold convicts it.
Run::Verdict Run::judge_broadcast(const BadBroadcast& it, bool& later) const {
  if (!Judge(statements_, group_.keys).is_founded(it)) return std::optional(it.accuser);
  later = it.round > round_;
  if (later) return std::optional<PartyIndex>();
  const bool holds = !check_broadcast(it.round, it.accused, it.body);
  return std::optional(holds ? it.accused : it.accuser);
}

Run::Verdict Run::judge_letter(const BadLetter& it, bool& later) const {
  if (!Judge(statements_, group_.keys).is_founded(it)) return std::optional(it.accuser);
  const auto book = books_.find(it.round);
  later = it.round > round_ || (book != books_.end() && !book->second.echoes.contains(self_));
  if (later) return std::optional<PartyIndex>();
  if (book == books_.end()) return std::optional<PartyIndex>();
  if (book->second.vector != it.vector) {
    return Error(Errc::bad_accusation, "shows an echo that this party never made");
  }
  Bytes copy = it.body;
  const SecretBytes letter = SecretBytes::take(copy);
  const bool holds = !check_letter(it.round, it.accused, it.accuser, letter);
  return std::optional(holds ? it.accused : it.accuser);
}

Transcript Run::transcript(const Evidence& evidence) const {
  Transcript out = past_;
  const Round round = round_of(evidence);
  const auto* const letter = std::get_if<BadLetter>(&evidence);
  const auto known = [&] { return static_cast<Round>(out.size()); };
  if (is_forgotten_ || std::holds_alternative<Equivocation>(evidence)) return {};
  const auto add = [&](Round of) {
    const RoundBook& book = books_.at(of);
    out.push_back(seen_round(book.bodies, book.echoes));
  };
  while (known() + 1 < round && is_whole(known() + 1))
    add(known() + 1);
  if (known() >= round) out.resize(round - 1);
  // All parties' echoes of this one are in the accusation; here some may lack.
  if (letter == nullptr || known() + 1 != round || !books_.contains(round)) return out;
  add(round);
  out.back().echoes = letter->echoes;
  return out;
}

}  // namespace concordat::session::messaging
