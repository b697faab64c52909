#include "session/host/door.hpp"

#include <algorithm>

#include "peer/limits.hpp"

namespace concordat::session::host {

Door::Door(base::MonotonicMillis now)
    : tokens_(peer::kAdmissionsPerSecond, peer::kAdmissionBurst, now) {}

std::optional<Door::Entry> Door::enter(const std::string& source, base::MonotonicMillis now) {
  if (count_.contains(source) && !tokens_.take(now)) return std::nullopt;
  Entry out{next_++, {}};
  sources_.emplace(out.ticket, source);
  ++count_[source];
  if (sources_.size() > kMostWaiting) {
    out.evicted = longest_of_the_largest();
    leave(*out.evicted);
  }
  return out;
}

void Door::leave(Ticket ticket) {
  const auto found = sources_.find(ticket);
  if (found == sources_.end()) return;
  const auto count = count_.find(found->second);
  if (--count->second == 0) count_.erase(count);
  sources_.erase(found);
}

Door::Ticket Door::longest_of_the_largest() const {
  const std::size_t most =
      std::ranges::max_element(count_, {}, [](const auto& entry) { return entry.second; })->second;
  return std::ranges::find_if(sources_, [&](const auto& entry) {
           return count_.at(entry.second) == most;
         })->first;
}

}  // namespace concordat::session::host
