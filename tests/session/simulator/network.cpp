#include "tests/session/simulator/network.hpp"

#include "attest/base/secret_access.hpp"

namespace concordat::session::test {

namespace {

constexpr std::size_t kWindow = 3;  // pieces that a channel takes before the first has arrived

}  // namespace

void Network::at(Time when, std::function<void()> what) {
  events_.push({when, ++order_, std::make_shared<std::function<void()>>(std::move(what))});
}

void Network::add(PartyIndex party, Time when, std::function<std::unique_ptr<Node>(Time)> make) {
  for (const auto& [other, place] : places_) {
    at(now_, [this, a = other, b = party] { dial(a, b); });
  }
  places_.try_emplace(party);
  at(when, [this, party, make = std::move(make)] {
    places_.at(party).node = make(now_);
    after(party);
  });
  const auto crash = weather_.crashes.find(party);
  if (crash == weather_.crashes.end()) return;
  at(crash->second, [this, party] {
    for (const auto& [pair, channel] : channels_) {
      if (pair.first == party || pair.second == party) break_channel(channel);
    }
  });
}

void Network::run(Time end) {
  while (!events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    (*event.what)();
  }
  now_ = end;
}

Node* Network::node(PartyIndex party) const {
  return places_.at(party).node.get();
}

bool Network::is_dead(PartyIndex party) const {
  const auto crash = weather_.crashes.find(party);
  return crash != weather_.crashes.end() && crash->second <= now_;
}

std::optional<Time> Network::closed_at(PartyIndex party) const {
  return places_.at(party).closed_at;
}

bool Network::can_reach(PartyIndex a, PartyIndex b) const {
  for (const PartyIndex party : {a, b}) {
    if (is_dead(party) || node(party) == nullptr) return false;
  }
  return std::ranges::none_of(weather_.cuts, [&](const Cut& cut) {
    if (now_ < cut.from || cut.until <= now_) return false;
    const bool has_a = cut.parties.contains(a);
    const bool has_b = cut.parties.contains(b);
    return has_a != has_b || (cut.whole && has_a && has_b);
  });
}

void Network::dial(PartyIndex a, PartyIndex b) {
  const auto again = [&] {
    at(now_ + milliseconds(20) + random_.up_to(weather_.redial), [this, a, b] { dial(a, b); });
  };
  if (is_dead(a) || is_dead(b)) return;
  for (const PartyIndex party : {a, b}) {
    if (node(party) != nullptr && node(party)->is_closed()) return;
  }
  if (!can_reach(a, b)) return again();
  auto channel = std::make_shared<Channel>();
  channels_[{a, b}] = channel;
  for (std::size_t side = 0; side < 2; ++side) {
    End& end = channel->ends[side];
    end.party = side == 0 ? a : b;
    end.up_at = now_ + random_.up_to(weather_.delay);
    end.arrival = end.up_at;
    at(end.up_at, [this, channel, side] { connect(channel, side); });
  }
  at(now_ + weather_.life / 4 + random_.up_to(2 * weather_.life),
     [this, channel] { break_channel(channel); });
  for (const Cut& cut : weather_.cuts) {
    if (cut.from <= now_) continue;
    at(cut.from, [this, channel, a, b] {
      if (!can_reach(a, b)) break_channel(channel);
    });
  }
}

void Network::connect(const ChannelPtr& channel, std::size_t side) {
  End& end = channel->ends[side];
  if (channel->doomed || is_dead(end.party)) return;
  end.up = true;
  if (!node(end.party)->connected(channel->ends[1 - side].party, now_)) {
    end.up = false;
    break_channel(channel);
  }
  after(end.party);
}

// Each side learns of it in its own time, and until then sends what will not arrive.
void Network::break_channel(const ChannelPtr& channel) {
  if (std::exchange(channel->doomed, true)) return;
  for (std::size_t side = 0; side < 2; ++side) {
    at(now_ + random_.up_to(weather_.delay), [this, channel, side] { lose(channel, side); });
  }
  const PartyIndex a = channel->ends[0].party;
  const PartyIndex b = channel->ends[1].party;
  at(now_ + weather_.delay + random_.up_to(weather_.redial), [this, a, b] { dial(a, b); });
}

void Network::lose(const ChannelPtr& channel, std::size_t side) {
  End& end = channel->ends[side];
  if (!std::exchange(end.up, false) || is_dead(end.party)) return;
  node(end.party)->lost(channel->ends[1 - side].party, now_);
  after(end.party);
}

void Network::deliver(const ChannelPtr& channel, std::size_t side, const base::Bytes& piece) {
  End& end = channel->ends[side];
  --end.under_way;
  if (end.up && !is_dead(end.party)) {
    if (!node(end.party)->received(channel->ends[1 - side].party, piece, now_)) {
      end.up = false;
      break_channel(channel);
    }
    after(end.party);
  }
  pump(channel, 1 - side);
}

void Network::pump(PartyIndex party) {
  for (const auto& [pair, channel] : channels_) {
    if (pair.first == party) pump(channel, 0);
    if (pair.second == party) pump(channel, 1);
  }
}

void Network::pump(const ChannelPtr& channel, std::size_t from) {
  End& to = channel->ends[1 - from];
  const PartyIndex sender = channel->ends[from].party;
  while (channel->ends[from].up && !is_dead(sender) && to.under_way < kWindow) {
    const bool small = random_.one_in(places_.size() + 2);
    const std::size_t most = small ? 1 + random_.below(400) : messaging::kMaxPiece;
    const base::SecretBytes piece = node(sender)->take(to.party, most);
    if (piece.empty()) return;
    ++to.under_way;
    to.arrival = std::max({now_ + random_.up_to(weather_.delay), to.arrival, to.up_at});
    at(to.arrival,
       [this, channel, side = 1 - from, copy = base::to_bytes(piece.expose(base::SecretAccess{}))] {
         deliver(channel, side, copy);
       });
  }
}

void Network::after(PartyIndex party) {
  Place& place = places_.at(party);
  if (const auto complaint = place.node->complaint(); !complaint.empty()) {
    complain(party, complaint);
  }
  pump(party);
  if (place.node->is_closed()) {
    if (!place.closed_at) place.closed_at = now_;
    return;
  }
  const auto wakes_at = place.node->wakes_at();
  if (!wakes_at || place.wakes_at == wakes_at) return;
  place.wakes_at = wakes_at;
  at(*wakes_at, [this, party, wakes_at] {
    Place& woken = places_.at(party);
    if (is_dead(party) || woken.wakes_at != wakes_at) return;
    woken.node->passed(now_);
    const auto next = woken.node->wakes_at();
    if (next && *next <= now_) complain(party, "was woken in time, and did nothing");
    after(party);
  });
}

void Network::complain(PartyIndex party, const std::string& what) {
  if (complaints_.size() < 10) complaints_.push_back("party " + std::to_string(party) + " " + what);
}

}  // namespace concordat::session::test
