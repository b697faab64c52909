// Keys that the custodian released, kept until they expire and no longer: never given out from
// their expiry on, wiped then, and all at once when policy changes or lapses. The newest version
// and a version asked for by its number are entries of their own, so that a rotation is seen after
// one release's life. Time is handed in: the trusted clock's. No I/O; one thread.
#pragma once

#include <list>
#include <optional>

#include "keyservice/messages.hpp"

namespace concordat::keyservice::agent {

class ReleasedKeys {
 public:
  explicit ReleasedKeys(std::size_t capacity) : capacity_(capacity) {}

  // nullptr: ask the custodian. Valid until the next call. `version`: 0 is the newest.
  [[nodiscard]] const ReleasedKey* find(std::string_view name, std::uint32_t version,
                                        base::UnixMillis now);
  // What was asked for before the last wipe (`epoch` of then) is not kept. Where all places are
  // taken, the key unused for longest makes room.
  void keep(const std::string& name, std::uint32_t version, const ReleasedKey& key,
            std::uint64_t epoch, base::UnixMillis now);
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }

  // Wipes what has expired.
  void expire(base::UnixMillis now);
  // When the next one does.
  [[nodiscard]] std::optional<base::UnixMillis> next_expiry() const noexcept;
  // Wipes all, and what is under way.
  void wipe() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string name;
    std::uint32_t version;
    ReleasedKey key;
  };
  std::size_t capacity_;
  std::list<Entry> entries_;  // used last comes first
  std::uint64_t epoch_ = 0;
};

}  // namespace concordat::keyservice::agent
