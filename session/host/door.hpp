// Who may wait at an enclave's door: streams that a parent brought, with whom it says they come
// from, and that have not said yet what they are for. They cost a place each, and a stranger who
// says nothing takes up none that somebody else needs: there is always a place for the next stream,
// which the source with the most streams here gives up, its oldest one first.
//
// What a parent says of a source is its word: a parent that lies keeps its own enclave's visitors
// out, as it can by carrying nothing. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "peer/token_bucket.hpp"

namespace concordat::session::host {

class Door {
 public:
  using Ticket = std::uint64_t;
  static constexpr std::size_t kMostWaiting = 64;

  // At most so many streams a second from sources that have one waiting already; the first of each
  // is free, so that whoever floods uses up nobody else's.
  explicit Door(base::MonotonicMillis now);

  struct Entry {
    Ticket ticket = 0;
    std::optional<Ticket> evicted;  // must go, and is forgotten here
  };
  // nullopt: this one must go.
  [[nodiscard]] std::optional<Entry> enter(const std::string& source, base::MonotonicMillis now);
  // Has said what it is for, or is gone. One that was evicted: nothing.
  void leave(Ticket ticket);

  [[nodiscard]] std::size_t waiting() const noexcept { return sources_.size(); }

 private:
  [[nodiscard]] Ticket longest_of_the_largest() const;

  peer::TokenBucket tokens_;
  Ticket next_ = 1;
  std::map<Ticket, std::string> sources_;     // in the order of coming
  std::map<std::string, std::size_t> count_;  // by source, none of 0
};

}  // namespace concordat::session::host
