#include "session/door.hpp"

#include <algorithm>
#include <tuple>

#include "peer/limits.hpp"

namespace concordat::session {

std::optional<Door::Entry> Door::enter(Ticket ticket, const std::string& name,
                                       base::MonotonicMillis now) {
  Source& source = find_source(name, now);
  if (!source.tokens.take(now)) return std::nullopt;
  if (source.waiting++ == 0) source.turn = turns_;
  tickets_.emplace(ticket, name);
  Entry out;
  if (tickets_.size() > most_waiting_) {
    out.evicted = oldest_of_the_largest();
    leave(*out.evicted);
  }
  return out;
}

void Door::leave(Ticket ticket) {
  const auto found = tickets_.find(ticket);
  if (found == tickets_.end()) return;
  --sources_.at(found->second).waiting;
  tickets_.erase(found);
}

Door::Ticket Door::take_turn(const std::vector<Ticket>& waiting) {
  const auto since = [&](Ticket ticket) {
    return std::tuple(sources_.at(tickets_.at(ticket)).turn, ticket);
  };
  const Ticket next = *std::ranges::min_element(waiting, {}, since);
  sources_.at(tickets_.at(next)).turn = ++turns_;
  return next;
}

Door::Source& Door::find_source(const std::string& name, base::MonotonicMillis now) {
  const auto found = sources_.find(name);
  if (found != sources_.end()) return found->second;
  if (sources_.size() >= kMostSources) forget_sources(now);
  const peer::TokenBucket tokens(peer::kAdmissionsPerSecond, peer::kAdmissionBurst, now);
  return sources_.emplace(name, Source{tokens, 0, 0}).first->second;
}

void Door::forget_sources(base::MonotonicMillis now) {
  std::erase_if(sources_, [now](const auto& entry) {
    return entry.second.waiting == 0 && entry.second.tokens.is_full(now);
  });
  if (sources_.size() < kMostSources) return;
  std::erase_if(sources_, [](const auto& entry) { return entry.second.waiting == 0; });
}

Door::Ticket Door::oldest_of_the_largest() const {
  const auto of = [this](const auto& entry) { return sources_.at(entry.second).waiting; };
  // The first of those that are alike: the oldest.
  return std::ranges::max_element(tickets_, {}, of)->first;
}

}  // namespace concordat::session
