// Who has a place where strangers' streams wait: until they have said what they are for, and until
// they have proved whose they are. A stranger who says nothing, or much, takes up nothing that
// somebody else needs: there is always a place for the next stream, which the source with the most
// streams here gives up, its oldest one first; each source has a rate of its own; and work that can
// be done for few at once goes to the sources in turn.
//
// What a parent says of a source is its word: a parent that lies keeps its own enclave's visitors
// out, as it can by carrying nothing. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "peer/token_bucket.hpp"

namespace concordat::session {

class Door {
 public:
  // Chosen by whoever has the streams: each later one greater, and none used twice.
  using Ticket = std::uint64_t;

  explicit Door(std::size_t most_waiting) : most_waiting_(most_waiting) {}

  struct Entry {
    std::optional<Ticket> evicted;  // must go, and is forgotten here
  };
  // nullopt: this one must go, its source is too fast.
  [[nodiscard]] std::optional<Entry> enter(Ticket ticket, const std::string& source,
                                           base::MonotonicMillis now);
  // Is gone, or no stranger any more. One that was evicted, or never came: nothing.
  void leave(Ticket ticket);
  // Whose turn it is among these, all of them here and at least one: of the source whose last turn
  // is the longest ago, or that came since; of that, the oldest.
  [[nodiscard]] Ticket take_turn(const std::vector<Ticket>& waiting);

  [[nodiscard]] std::size_t waiting() const noexcept { return tickets_.size(); }

 private:
  struct Source {
    peer::TokenBucket tokens;
    std::size_t waiting = 0;
    std::uint64_t turn = 0;  // since when it waits for one
  };
  // Those with nobody here and a full bucket are as good as new; beyond these many, so is any with
  // nobody here: a stranger with that many addresses needs no second turn of one.
  static constexpr std::size_t kMostSources = 1'024;

  [[nodiscard]] Source& find_source(const std::string& name, base::MonotonicMillis now);
  void forget_sources(base::MonotonicMillis now);
  [[nodiscard]] Ticket oldest_of_the_largest() const;

  std::size_t most_waiting_;
  std::uint64_t turns_ = 0;
  std::map<Ticket, std::string> tickets_;  // in the order of coming
  std::map<std::string, Source> sources_;
};

}  // namespace concordat::session
