#include "keyservice/agent/released_keys.hpp"

#include <algorithm>

namespace concordat::keyservice::agent {

const ReleasedKey* ReleasedKeys::find(std::string_view name, std::uint32_t version,
                                      base::UnixMillis now) {
  expire(now);
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return entry.version == version && entry.name == name; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return &found->key;
}

void ReleasedKeys::keep(const std::string& name, std::uint32_t version, const ReleasedKey& key,
                        std::uint64_t epoch, base::UnixMillis now) {
  expire(now);
  if (epoch != epoch_ || key.expires <= now || capacity_ == 0) return;
  std::erase_if(entries_,
                [&](const Entry& entry) { return entry.version == version && entry.name == name; });
  if (entries_.size() == capacity_) entries_.pop_back();
  entries_.push_front({name, version, {key.version, key.type, key.expires, key.key.clone()}});
}

void ReleasedKeys::expire(base::UnixMillis now) {
  std::erase_if(entries_, [now](const Entry& entry) { return entry.key.expires <= now; });
}

std::optional<base::UnixMillis> ReleasedKeys::next_expiry() const noexcept {
  if (entries_.empty()) return std::nullopt;
  return std::ranges::min_element(entries_, {},
                                  [](const Entry& entry) { return entry.key.expires; })
      ->key.expires;
}

void ReleasedKeys::wipe() noexcept {
  entries_.clear();
  ++epoch_;
}

}  // namespace concordat::keyservice::agent
