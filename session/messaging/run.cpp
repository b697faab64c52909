#include "session/messaging/run.hpp"

#include "session/messaging/error.hpp"

namespace concordat::session::messaging {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

namespace {

Status check_group(const Group& group, const policy::SigningKey& key) {
  const auto& parties = group.seat.parties;
  const auto bad = [](std::string why) { return Error(Errc::bad_group, std::move(why)); };
  if (parties.size() < kMinParties || parties.size() > kMaxParties) {
    return bad(std::to_string(parties.size()) + " parties");
  }
  std::set<SignerKey> keys;
  PartyIndex before = 0;
  for (const PartyIndex party : parties) {
    if (party <= before) return bad("parties are numbered from 1, in ascending order");
    const auto found = group.keys.find(party);
    if (found == group.keys.end()) return bad("no key of party " + std::to_string(party));
    if (!keys.insert(found->second).second) return bad("two parties have one key");
    before = party;
  }
  if (group.keys.size() != parties.size()) return bad("more keys than parties");
  const auto own = group.keys.find(group.seat.self);
  if (own == group.keys.end()) return bad("this party has no seat");
  if (own->second != key.public_key()) return bad("this party's key is not the group's");
  return {};
}

Result<FrameLimits> limits_of(const Protocol& protocol, std::size_t parties) {
  FrameLimits out{.parties = parties};
  if (protocol.rounds() == 0) return Error(Errc::bad_shape, "no rounds");
  for (Round round = 1; round <= protocol.rounds(); ++round) {
    const RoundShape shape = protocol.shape(round);
    if (std::max(shape.broadcast, shape.letter) > kMaxContent) {
      return Error(Errc::bad_shape, "round " + std::to_string(round) + ": more than " +
                                        std::to_string(kMaxContent) + " bytes");
    }
    out.broadcast = std::max(out.broadcast, shape.broadcast);
    out.letter = std::max(out.letter, shape.letter);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Run>> Run::begin(Group group, policy::SigningKey key,
                                        std::unique_ptr<Protocol> protocol, Timing timing,
                                        Time now) {
  CONCORDAT_CHECK(check_group(group, key));
  CONCORDAT_TRY(const FrameLimits limits, limits_of(*protocol, group.keys.size()));
  std::unique_ptr<Run> run(
      new Run(std::move(group), std::move(key), std::move(protocol), timing, limits));
  run->now_ = now;
  run->enter(1);
  return run;
}

Run::Run(Group group, policy::SigningKey key, std::unique_ptr<Protocol> protocol, Timing timing,
         const FrameLimits& limits)
    : group_(std::move(group)),
      key_(std::move(key)),
      protocol_(std::move(protocol)),
      timing_(timing),
      statements_(group_.seat.roster),
      limits_(limits),
      self_(group_.seat.self),
      last_(protocol_->rounds()) {
  for (const auto& [party, key_of_party] : group_.keys) {
    if (party != self_) peers_.emplace(party, Peer(limits_));
  }
}

Status Run::connected(PartyIndex party, Time now) {
  passed(now);
  if (!admits(party)) return Error(Errc::not_admitted, "party " + std::to_string(party));
  peers_.at(party).link.opened();
  return {};
}

void Run::lost(PartyIndex party, Time now) {
  passed(now);
  if (const auto peer = peers_.find(party); peer != peers_.end()) peer->second.link.lost();
}

Status Run::received(PartyIndex party, base::BytesView piece, Time now) {
  passed(now);
  while (true) {
    if (!admits(party)) return Error(Errc::not_admitted, "party " + std::to_string(party));
    auto frame = peers_.at(party).link.receive(piece);
    Status taken;
    if (!frame) {
      taken = frame.error();
    } else if (*frame) {
      auto message = decode((*frame)->kind, (*frame)->body, limits_.parties);
      taken = message ? handle(party, *std::move(message)) : Status(message.error());
    } else {
      return {};
    }
    if (!taken) {
      bar(party, taken.error());
      return taken;
    }
  }
}

void Run::passed(Time now) {
  now_ = std::max(now_, now);
  if (!ended_ && now_ >= deadline_) end_by_time();
}

void Run::end_by_time() {
  if (to_seal() != nullptr) return stop(Reason::failed, {}, Error(Errc::not_sealed));
  stop(Reason::unreachable, missing());
}

std::optional<Time> Run::wakes_at() const {
  if (is_closed()) return std::nullopt;
  return deadline_;
}

bool Run::admits(PartyIndex party) const {
  const auto peer = peers_.find(party);
  return peer != peers_.end() && !peer->second.barred && !is_closed();
}

bool Run::is_closed() const {
  if (!ended_) return false;
  if (now_ >= deadline_) return true;
  // Whoever stopped by its own verdict waits for proof until the end.
  if (outcome_.stop && outcome_.convicted.empty()) return false;
  return std::ranges::all_of(
      peers_, [](const auto& it) { return it.second.barred || it.second.link.is_settled(); });
}

base::SecretBytes Run::take(PartyIndex party, std::size_t most) {
  const auto peer = peers_.find(party);
  return peer == peers_.end() ? base::SecretBytes() : peer->second.link.take(most);
}

bool Run::has_waiting(PartyIndex party) const {
  const auto peer = peers_.find(party);
  return peer != peers_.end() && peer->second.link.waiting() > 0;
}

void Run::enter(Round round) {
  round_ = round;
  deadline_ = now_ + timing_.round;
  remember_before(round < 2 ? 1 : round - 1);
  // An honest party says that it has everything of a round before it echoes it.
  for (auto& [party, peer] : peers_) {
    if (peer.barred || peer.link.unacknowledged() <= 1) continue;
    return bar(party, Error(Errc::unexpected_acknowledgement, "echoes what it does not have"));
  }
  (void)book();
  is_working_ = timing_.in_parts && protocol_->work();
  if (!is_working_) begin_round();
}

void Run::work(Time now) {
  passed(now);
  if (!has_work() || protocol_->work()) return;
  is_working_ = false;
  begin_round();
}

void Run::begin_round() {
  if (const auto sent = send_round(round_); !sent) return stop(Reason::failed, {}, sent.error());
  const auto early = book().seen;
  for (const auto& [party, seen] : early) {
    if (party != self_) take_in(party);
  }
  judge_waiting();
  progress();
}

// What is public of the books that go.
void Run::remember_before(Round round) {
  while (!books_.empty() && books_.begin()->first < round) {
    RoundBook& book = books_.begin()->second;
    if (!is_forgotten_) past_.push_back(seen_round(std::move(book.bodies), book.echoes));
    books_.erase(books_.begin());
  }
  if (past_held() <= kMaxTranscript && past_.size() <= kMaxTranscriptRounds) return;
  past_.clear();
  is_forgotten_ = true;
}

SeenRound Run::seen_round(std::map<PartyIndex, Bytes> bodies,
                          const std::map<PartyIndex, Echo>& echoes) {
  SeenRound out;
  for (auto& [party, body] : bodies)
    out.bodies.push_back(std::move(body));
  for (const auto& [party, echo] : echoes)
    out.echoes.push_back(echo.signature);
  return out;
}

bool Run::is_whole(Round round) const {
  const auto book = books_.find(round);
  return book != books_.end() && is_everybody(book->second.bodies.size()) &&
         is_everybody(book->second.echoes.size());
}

std::size_t Run::past_held() const {
  std::size_t out = 0;
  for (const SeenRound& round : past_)
    out += round.size();
  return out;
}

Status Run::send_round(Round round) {
  CONCORDAT_TRY(Outgoing out, protocol_->send(round));
  const RoundShape shape = protocol_->shape(round);
  const auto fits = [](std::size_t size, std::size_t most) -> Status {
    if (size <= most) return {};
    return Error(Errc::bad_shape, std::to_string(size) + " bytes of " + std::to_string(most));
  };
  CONCORDAT_CHECK(fits(out.broadcast.size(), shape.broadcast));
  for (const auto& [to, letter] : out.letters) {
    if (!peers_.contains(to)) return Error(Errc::bad_shape, "a letter to nobody");
    if (shape.letter == 0) return Error(Errc::bad_shape, "a letter in a round without letters");
    CONCORDAT_CHECK(fits(letter.size(), shape.letter));
  }
  CONCORDAT_CHECK(check_broadcast(round, self_, out.broadcast));

  const auto digest = base::sha256({out.broadcast});
  const Seen seen{digest, sign(statements_.broadcast(round, self_, digest))};
  book().seen[self_] = seen;
  book().bodies[self_] = out.broadcast;
  send_to_all(Broadcast{round, seen.signature, std::move(out.broadcast)});
  if (shape.letter == 0) return {};
  for (auto& [to, peer] : peers_) {
    base::SecretBytes letter = std::move(out.letters[to]);
    const auto signature = sign(statements_.letter(round, self_, to, digest_of(letter)));
    send_to(peer, Letter{round, signature, std::move(letter)});
  }
  return {};
}

void Run::send_to(Peer& peer, const Message& message) {
  if (peer.barred) return;
  peer.link.send(kind_of(message), std::make_shared<const Body>(encode(message)));
}

void Run::send_to_all(const Message& message, PartyIndex but) {
  const auto body = std::make_shared<const Body>(encode(message));
  for (auto& [party, peer] : peers_) {
    if (party != but && !peer.barred) peer.link.send(kind_of(message), body);
  }
}

Signature Run::sign(base::BytesView statement) const {
  return key_.sign(statement).value();
}

void Run::progress() {
  if (ended_ || is_working_) return;
  if (output_) {
    if (!is_sealed_) return;
    if (is_everybody(confirmations_.size())) decide();
    return;
  }
  const bool has_letters = protocol_->shape(round_).letter > 0;
  if (!is_everybody(book().seen.size())) return;
  if (has_letters && book().letters.size() < peers_.size()) return;
  if (!book().echoes.contains(self_)) echo();
  if (!ended_ && is_everybody(book().echoes.size())) finish_round();
}

void Run::echo() {
  Echo out{round_, {}, {}};
  for (const auto& [party, seen] : book().seen)
    out.seen.push_back(seen);
  book().vector = vector_of(out.seen);
  out.signature = sign(statements_.echo(round_, self_, book().vector));
  send_to_all(out);
  book().echoes[self_] = std::move(out);
  judge_waiting();
}

// All echoes are there. Nobody's may say anything else than one's own: what others saw differs
// from it only where somebody equivocated or lied, which compare() has dealt with.
void Run::finish_round() {
  for (const auto& [party, echo] : book().echoes) {
    if (vector_of(echo.seen) != book().vector) return;
  }
  for (const auto& [from, letter] : book().letters) {
    if (!check_letter(round_, from, self_, letter)) return accuse_of_letter(from);
  }
  Incoming incoming{book().bodies, std::move(book().letters)};
  book().letters.clear();
  if (const auto taken = protocol_->receive(round_, std::move(incoming)); !taken) {
    return stop(Reason::failed, {}, taken.error());
  }
  return round_ == last_ ? take_output_in() : enter(round_ + 1);
}

void Run::take_output_in() {
  auto output = protocol_->output();
  if (!output) return stop(Reason::failed, {}, output.error());
  deadline_ = now_ + timing_.round;
  output_ = *std::move(output);
  if (output_->kept.empty()) confirm();
}

void Run::sealed(Time now) {
  passed(now);
  if (to_seal() != nullptr) confirm();
}

void Run::abandon(Error why, Time now) {
  passed(now);
  stop(Reason::failed, {}, std::move(why));
}

void Run::confirm() {
  is_sealed_ = true;
  const auto result = base::sha256({output_->result});
  const Confirmation own{result, sign(statements_.result(self_, result))};
  confirmations_[self_] = own;
  send_to_all(own);
  progress();
}

// Every other honest party has signed this very result, and will give out no other.
void Run::decide() {
  for (const auto& [party, confirmation] : confirmations_) {
    if (confirmation.result != confirmations_.at(self_).result) {
      return stop(Reason::results_differ, {party});
    }
  }
  for (const auto& [party, confirmation] : confirmations_)
    outcome_.confirmations[party] = confirmation.signature;
  outcome_.output = std::move(output_);
  output_.reset();
  ended_ = true;
  deadline_ = now_ + timing_.farewell;
}

void Run::stop(Reason reason, std::vector<PartyIndex> parties, Error error) {
  if (ended_) return;
  const Round round = output_ ? last_ + 1 : round_;
  ended_ = true;
  deadline_ = now_ + timing_.farewell;
  output_.reset();
  if (reason != Reason::convicted) {
    send_to_all(Farewell{reason, round, parties.empty() ? self_ : parties.front()});
  }
  outcome_.stop = Stop{reason, round, std::move(parties), std::move(error)};
}

// Those of whom a broadcast or a letter lacks: echoes lack of whoever waits for these, too.
std::vector<PartyIndex> Run::missing() const {
  const RoundBook& book = books_.at(round_);
  const bool has_letters = protocol_->shape(round_).letter > 0;
  const auto lacking = [this](const auto& has) {
    std::vector<PartyIndex> out;
    for (const auto& [party, peer] : peers_) {
      if (!has(party)) out.push_back(party);
    }
    return out;
  };
  if (output_) return lacking([this](PartyIndex p) { return confirmations_.contains(p); });
  auto out = lacking([&](PartyIndex p) {
    return book.seen.contains(p) && (!has_letters || book.letters.contains(p));
  });
  if (!out.empty()) return out;
  return lacking([&](PartyIndex p) { return book.echoes.contains(p); });
}

std::size_t Run::held() const {
  std::size_t out = confirmations_.size() * sizeof(Confirmation) + past_held();
  for (const auto& [party, peer] : peers_) {
    out += peer.link.held();
    if (peer.waiting) out += encode(*peer.waiting).size();
  }
  for (const auto& [round, book] : books_)
    out += book.held();
  for (const auto& [party, conviction] : outcome_.convicted)
    out += encode(conviction.evidence).size();
  return out;
}

std::size_t Run::most_held() const {
  const auto of = [this](Kind kind) { return *limits_.of(static_cast<std::uint8_t>(kind)); };
  const std::size_t round = of(Kind::broadcast) + of(Kind::letter) + of(Kind::echo);
  // A round's books, and what is sent of this round and the one before, is kept for three rounds
  // at most; a frame on its way in, one on its way out, an accusation that waits; proof against
  // each party once, kept and sent.
  const std::size_t peer = 2 * round + 3 * limits_.largest() +
                           group_.keys.size() * of(Kind::blame) + 2 * of(Kind::confirmation) +
                           of(Kind::farewell);
  return (peers_.size() + 1) * (3 * round + peer) + kMaxTranscript;
}

}  // namespace concordat::session::messaging
