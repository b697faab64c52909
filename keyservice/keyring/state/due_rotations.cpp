#include "keyservice/keyring/state/due_rotations.hpp"

#include "policy/key_pattern.hpp"

namespace concordat::keyservice {

std::vector<DueRotation> due_rotations(const KeyTable& keys,
                                       const policy::RotationIntervals& intervals,
                                       base::UnixMillis now) {
  std::vector<DueRotation> out;
  for (const auto& [name, record] : keys.records()) {
    const KeyVersion& newest = record.key.versions.back();
    if (record.state != VersionState::enabled || newest.origin == KeyOrigin::imported) continue;
    std::optional<base::UnixMillis> due;
    for (const auto& [pattern, interval] : intervals) {
      if (!policy::matches(pattern, name)) continue;
      const base::UnixMillis at = newest.created + std::chrono::seconds(interval.every_seconds);
      if (!due || at < *due) due = at;
    }
    if (due && *due <= now) out.push_back({name, newest.version, *due});
  }
  return out;
}

}  // namespace concordat::keyservice
