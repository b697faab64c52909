#include "tests/session/simulator/dishonest_node.hpp"

#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::session::test {

using base::Bytes;
using base::BytesView;
using base::SecretBytes;
using base::Status;
using messaging::Broadcast;
using messaging::Confirmation;
using messaging::Echo;
using messaging::Evidence;
using messaging::Farewell;
using messaging::Letter;
using messaging::Message;

namespace {

constexpr messaging::FrameLimits kGenerous{
    .parties = messaging::kMaxParties, .broadcast = 1 << 20, .letter = 1 << 20};

BytesView shown(const SecretBytes& secret) {
  return secret.expose(base::SecretAccess{});
}
SecretBytes hidden(Bytes bytes) {
  return SecretBytes::take(bytes);
}

std::shared_ptr<const messaging::Body> body_of(const Message& message) {
  return std::make_shared<const messaging::Body>(messaging::encode(message));
}

template <class Fixed>
Fixed bent(Fixed value) {
  value.mutable_view()[0] ^= 1;
  return value;
}

class Twisted final : public Protocol {
 public:
  Twisted(std::unique_ptr<Protocol> inner, Attack attack, Round round, std::set<PartyIndex> victims)
      : inner_(std::move(inner)), attack_(attack), round_(round), victims_(std::move(victims)) {}

  Round rounds() const noexcept override { return inner_->rounds(); }
  RoundShape shape(Round round) const noexcept override { return inner_->shape(round); }
  base::Result<Outgoing> send(Round round) override {
    CONCORDAT_TRY(Outgoing out, inner_->send(round));
    if (round != round_) return out;
    if (attack_ == Attack::bad_broadcast && !out.broadcast.empty()) out.broadcast.pop_back();
    if (attack_ == Attack::lie && !out.broadcast.empty()) out.broadcast.front() ^= 1;
    for (auto& [to, letter] : out.letters) {
      const bool bad = attack_ == Attack::bad_letter || attack_ == Attack::unsigned_bad_letter;
      if (!bad || !victims_.contains(to)) continue;
      letter.expose_mutable(base::SecretAccess{}).front() ^= 1;
    }
    return out;
  }
  Status check_broadcast(Round, PartyIndex, BytesView) const override { return {}; }
  Status check_letter(Round, PartyIndex, PartyIndex, const SecretBytes&,
                      const std::map<PartyIndex, Bytes>&) const override {
    return {};
  }
  Status receive(Round round, Incoming incoming) override {
    return inner_->receive(round, std::move(incoming));
  }
  base::Result<Output> output() override { return inner_->output(); }

 private:
  std::unique_ptr<Protocol> inner_;
  Attack attack_;
  Round round_;
  std::set<PartyIndex> victims_;
};

}  // namespace

std::unique_ptr<Protocol> twisted(std::unique_ptr<Protocol> protocol, Attack attack, Round round,
                                  std::set<PartyIndex> victims) {
  return std::make_unique<Twisted>(std::move(protocol), attack, round, std::move(victims));
}

DishonestNode::DishonestNode(std::unique_ptr<messaging::Run> run, const messaging::Group& group,
                             policy::SigningKey key, AttackPlan plan)
    : run_(std::move(run)),
      group_(group),
      key_(std::move(key)),
      statements_(group.seat.roster),
      limits_(kGenerous),
      plan_(std::move(plan)),
      random_(plan_.seed) {
  limits_.parties = group.keys.size();
  const Time begun;
  for (const auto& [party, its_key] : group.keys) {
    if (party == group.seat.self) continue;
    auto& peer = peers_.emplace(party, Peer(limits_)).first->second;
    peer.inside.opened();
    static_cast<void>(run_->connected(party, begun));
  }
  pump_inside(begun);
}

Status DishonestNode::connected(PartyIndex party, Time) {
  peers_.at(party).outside.opened();
  if (plan_.attack == Attack::garbage || plan_.attack == Attack::huge_frames ||
      plan_.attack == Attack::repetition) {
    flood(party);
  }
  return {};
}

void DishonestNode::lost(PartyIndex party, Time) {
  peers_.at(party).outside.lost();
  peers_.at(party).raw.clear();
}

void DishonestNode::passed(Time now) {
  run_->passed(now);
  pump_inside(now);
}

Status DishonestNode::received(PartyIndex party, BytesView piece, Time now) {
  Peer& peer = peers_.at(party);
  while (true) {
    auto frame = peer.outside.receive(piece);
    if (!frame) return frame.error();
    if (!*frame) break;
    const auto message = messaging::decode((*frame)->kind, (*frame)->body, limits_.parties);
    if (!message) return message.error();
    note(party, *message);
    peer.inside.send((*frame)->kind, body_of(*message));
  }
  pump_inside(now);
  return {};
}

// Between its run and itself nothing is ever lost.
void DishonestNode::pump_inside(Time now) {
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [party, peer] : peers_) {
      if (const SecretBytes in = peer.inside.take(messaging::kMaxPiece); !in.empty()) {
        moved = true;
        static_cast<void>(run_->received(party, shown(in), now));
        seal(*run_, now);
      }
      const SecretBytes out = run_->take(party);
      if (out.empty()) continue;
      moved = true;
      BytesView piece = shown(out);
      while (true) {
        auto frame = peer.inside.receive(piece);
        if (!frame || !*frame) break;
        say(party, messaging::decode((*frame)->kind, (*frame)->body, limits_.parties).value());
      }
    }
  }
}

void DishonestNode::note(PartyIndex from, const Message& message) {
  if (const auto* it = std::get_if<Broadcast>(&message); it && it->round == plan_.round) {
    broadcasts_[from] = *it;
  } else if (const auto* letter = std::get_if<Letter>(&message);
             letter && letter->round == plan_.round) {
    letters_[from] = base::to_bytes(shown(letter->body));
    letter_signatures_[from] = letter->signature;
  } else if (const auto* echo = std::get_if<Echo>(&message); echo && echo->round == plan_.round) {
    echoes_[from] = *echo;
  }
}

void DishonestNode::say(PartyIndex to, Message message) {
  Peer& peer = peers_.at(to);
  if (const auto* echo = std::get_if<Echo>(&message); echo && echo->round == plan_.round) {
    echoes_[group_.seat.self] = *echo;
  }
  if (!changes(to, message)) return;
  ++peer.sent;
  peer.outside.send(messaging::kind_of(message), body_of(message));
}

// Whether anything is said at all.
bool DishonestNode::changes(PartyIndex to, Message& message) {
  Peer& peer = peers_.at(to);
  const bool is_time = peer.sent >= plan_.moment;
  switch (plan_.attack) {
    case Attack::mute:
      struck_ = struck_ || is_time;
      return !is_time;
    case Attack::withhold:
      struck_ = struck_ || (is_time && is_victim(to));
      return !is_time || !is_victim(to);
    case Attack::equivocate:
      equivocate(to, message);
      return true;
    case Attack::bad_signature:
      if (is_time && is_victim(to)) spoil_signature(message);
      return true;
    case Attack::unsigned_bad_letter:
      if (std::holds_alternative<Letter>(message) && is_victim(to)) spoil_signature(message);
      return true;
    case Attack::bad_echo:
      if (auto* echo = std::get_if<Echo>(&message); echo && is_victim(to)) spoil_echo(*echo);
      return true;
    case Attack::wrong_result:
      if (auto* it = std::get_if<Confirmation>(&message); it && is_victim(to)) {
        it->result = bent(it->result);
        it->signature = sign(statements_.result(group_.seat.self, it->result));
        struck_ = true;
      }
      return true;
    case Attack::false_broadcast:
    case Attack::forged_broadcast:
    case Attack::false_letter:
    case Attack::forged_letter:
    case Attack::false_certificate:
    case Attack::forged_equivocation:
    case Attack::unsigned_accusation:
      accuse_instead(message);
      return !std::exchange(mute_, false);
    case Attack::late_accusation:
    case Attack::confession:
      if (is_time && is_victim(to)) {
        if (const auto evidence = accusation()) strike(to, *evidence);
      }
      return true;
    case Attack::farewell:
      if (peer.sent == plan_.moment && is_victim(to)) {
        ++peer.sent;
        const Farewell lie{messaging::Reason::unreachable, plan_.round, plan_.scapegoat};
        peer.outside.send(messaging::Kind::farewell, body_of(lie));
        struck_ = true;
      }
      return true;
    case Attack::far_rounds:
      if (is_time && is_victim(to)) flood(to);
      return true;
    default:
      return true;
  }
}

void DishonestNode::equivocate(PartyIndex to, Message& message) {
  Peer& peer = peers_.at(to);
  const PartyIndex self = group_.seat.self;
  if (auto* it = std::get_if<Broadcast>(&message)) {
    if (it->round == plan_.round && is_victim(to)) {
      if (it->body.empty()) return;
      it->body.back() ^= 1;
      const auto digest = base::sha256({it->body});
      it->signature = sign(statements_.broadcast(it->round, self, digest));
      struck_ = true;
    }
    peer.told[it->round] = {base::sha256({it->body}), it->signature};
  } else if (auto* echo = std::get_if<Echo>(&message)) {
    std::size_t place = 0;
    for (const auto& [party, key] : group_.keys) {
      if (party == self) echo->seen[place] = peer.told[echo->round];
      ++place;
    }
    echo->signature = sign(statements_.echo(echo->round, self, messaging::vector_of(echo->seen)));
  }
}

void DishonestNode::spoil_signature(Message& message) {
  std::visit(
      [this](auto& it) {
        if constexpr (requires { it.signature; }) {
          it.signature = bent(it.signature);
          struck_ = true;
        }
      },
      message);
}

void DishonestNode::spoil_echo(Echo& echo) {
  if (echo.round != plan_.round) return;
  std::size_t place = 0;
  for (const auto& [party, key] : group_.keys) {
    if (party == plan_.scapegoat) echo.seen[place].digest = bent(echo.seen[place].digest);
    ++place;
  }
  echo.signature =
      sign(statements_.echo(echo.round, group_.seat.self, messaging::vector_of(echo.seen)));
  struck_ = true;
}

template <class Accusation>
void DishonestNode::sign(Accusation& accusation) const {
  accusation.accuser_signature =
      sign(statements_.accusation(group_.seat.self, messaging::claim_of(Evidence(accusation))));
}

std::optional<Evidence> DishonestNode::accusation_of_letter() const {
  const auto letter = letters_.find(plan_.scapegoat);
  if (letter == letters_.end() || echoes_.size() < group_.keys.size()) return std::nullopt;
  messaging::BadLetter out;
  out.round = plan_.round;
  out.accuser = group_.seat.self;
  out.accused = plan_.scapegoat;
  out.body = letter->second;
  out.signature = letter_signatures_.at(plan_.scapegoat);
  out.vector = messaging::vector_of(echoes_.begin()->second.seen);
  for (const auto& [party, echo] : echoes_)
    out.echoes.push_back(echo.signature);
  if (plan_.attack == Attack::forged_letter && !out.body.empty()) out.body.front() ^= 1;
  if (plan_.attack == Attack::false_certificate) out.vector = bent(out.vector);
  sign(out);
  return Evidence(out);
}

std::optional<Evidence> DishonestNode::accusation() {
  const PartyIndex self = group_.seat.self;
  if (plan_.attack == Attack::confession) {
    messaging::Equivocation out{plan_.round, self, {}, {}};
    out.second.digest = bent(out.first.digest);
    for (auto* seen : {&out.first, &out.second})
      seen->signature = sign(statements_.broadcast(plan_.round, self, seen->digest));
    return Evidence(out);
  }
  if (plan_.attack == Attack::false_letter || plan_.attack == Attack::forged_letter ||
      plan_.attack == Attack::false_certificate) {
    return accusation_of_letter();
  }
  const auto theirs = broadcasts_.find(plan_.scapegoat);
  if (theirs == broadcasts_.end()) return std::nullopt;
  if (plan_.attack == Attack::forged_equivocation) {
    const messaging::Seen genuine{base::sha256({theirs->second.body}), theirs->second.signature};
    // Before the genuine one or behind it.
    base::Sha256Digest made_up;
    if (plan_.seed % 4 != 0) std::ranges::fill(made_up.mutable_view(), 0xFF);
    return Evidence(messaging::equivocation(plan_.round, plan_.scapegoat, genuine,
                                            {made_up, genuine.signature}));
  }
  messaging::BadBroadcast out{
      plan_.round, self, plan_.scapegoat, theirs->second.body, theirs->second.signature, {}};
  if (plan_.attack == Attack::forged_broadcast) out.body.push_back(0);
  sign(out);
  if (plan_.attack == Attack::unsigned_accusation) {
    out.body.push_back(0);
    out.accuser_signature = bent(out.accuser_signature);
  }
  return Evidence(out);
}

void DishonestNode::strike(PartyIndex to, const Evidence& evidence) {
  peers_.at(to).outside.send(messaging::Kind::blame, body_of(messaging::Blame{evidence}));
  struck_ = true;
}

// At the first moment at which an honest party could accuse, and nothing after it.
void DishonestNode::accuse_instead(const Message& message) {
  if (struck_ && accusation_) {
    mute_ = true;
    return;
  }
  const auto* echo = std::get_if<Echo>(&message);
  const bool of_letter = plan_.attack == Attack::false_letter ||
                         plan_.attack == Attack::forged_letter ||
                         plan_.attack == Attack::false_certificate;
  const auto* broadcast = std::get_if<Broadcast>(&message);
  const bool is_next = std::holds_alternative<Confirmation>(message) ||
                       (broadcast && broadcast->round > plan_.round);
  if (of_letter ? !is_next : !(echo && echo->round == plan_.round)) return;
  accusation_ = accusation();
  if (!accusation_) return;
  for (const auto& [party, peer] : peers_)
    strike(party, *accusation_);
  mute_ = true;
}

void DishonestNode::flood(PartyIndex to) {
  Peer& peer = peers_.at(to);
  if (!is_victim(to)) return;
  struck_ = true;
  if (plan_.attack == Attack::garbage) {
    for (std::size_t i = random_.below(2000) + 1; i > 0; --i)
      peer.raw.push_back(static_cast<std::uint8_t>(random_.below(256)));
  } else if (plan_.attack == Attack::huge_frames) {
    const auto kind = static_cast<messaging::Kind>(1 + random_.below(7));
    const std::size_t claimed = random_.one_in(2) ? 0xFFFFFFFF : random_.below(200'000);
    base::append(peer.raw, messaging::frame_header(kind, 1, claimed));
    peer.raw.resize(peer.raw.size() + random_.below(100'000));
  } else if (plan_.attack == Attack::repetition) {
    const Broadcast said{1, {}, Bytes(20)};
    const auto body = messaging::encode(Message(said));
    for (int i = 0; i < 100; ++i) {
      const auto header = messaging::frame_header(messaging::Kind::broadcast, 1, body.size());
      base::append(peer.raw, header);
      base::append(peer.raw, body.view());
    }
  } else {
    const Round round = plan_.round + static_cast<Round>(random_.below(5));
    const Bytes body(random_.below(40));
    const auto signature =
        sign(statements_.broadcast(round, group_.seat.self, base::sha256({body})));
    peer.outside.send(messaging::Kind::broadcast, body_of(Broadcast{round, signature, body}));
  }
}

SecretBytes DishonestNode::take(PartyIndex party, std::size_t most) {
  Peer& peer = peers_.at(party);
  if (!peer.raw.empty()) {
    const std::size_t size = std::min(most, peer.raw.size());
    Bytes some(peer.raw.begin(), peer.raw.begin() + size);
    peer.raw.erase(peer.raw.begin(), peer.raw.begin() + size);
    return hidden(std::move(some));
  }
  if (plan_.attack != Attack::no_acknowledgements) return peer.outside.take(most);
  while (true) {
    // Whole frames: an acknowledgement is one of its own, or goes before a message.
    const SecretBytes all = peer.outside.take(messaging::kMaxPiece);
    if (all.empty()) return {};
    BytesView rest = shown(all);
    while (rest.size() >= messaging::kFrameHeaderSize && rest.front() == 1)
      rest = rest.subspan(messaging::kFrameHeaderSize);
    struck_ = true;
    if (!rest.empty()) return hidden(base::to_bytes(rest));
  }
}

std::string_view name_of(Attack attack) noexcept {
  static constexpr std::array<std::string_view, kAttacks> names{"none",
                                                                "mute",
                                                                "withhold",
                                                                "equivocate",
                                                                "bad_broadcast",
                                                                "bad_letter",
                                                                "unsigned_bad_letter",
                                                                "lie",
                                                                "bad_signature",
                                                                "bad_echo",
                                                                "wrong_result",
                                                                "false_broadcast",
                                                                "forged_broadcast",
                                                                "false_letter",
                                                                "forged_letter",
                                                                "false_certificate",
                                                                "forged_equivocation",
                                                                "unsigned_accusation",
                                                                "late_accusation",
                                                                "confession",
                                                                "farewell",
                                                                "garbage",
                                                                "huge_frames",
                                                                "repetition",
                                                                "far_rounds",
                                                                "no_acknowledgements"};
  return names[static_cast<std::size_t>(attack)];
}

bool is_of_letters(Attack attack) noexcept {
  switch (attack) {
    case Attack::bad_letter:
    case Attack::unsigned_bad_letter:
    case Attack::false_letter:
    case Attack::forged_letter:
    case Attack::false_certificate:
      return true;
    default:
      return false;
  }
}

bool is_provable(Attack attack) noexcept {
  switch (attack) {
    case Attack::equivocate:
    case Attack::bad_broadcast:
    case Attack::bad_letter:
    case Attack::false_broadcast:
    case Attack::forged_broadcast:
    case Attack::false_letter:
    case Attack::forged_letter:
    case Attack::false_certificate:
      return true;
    default:
      return false;
  }
}

}  // namespace concordat::session::test
