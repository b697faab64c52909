// Which keys a rotation interval says are due.
#pragma once

#include <chrono>
#include <span>

#include "keyservice/keyring/state/key_table.hpp"

namespace concordat::keyservice {

struct RotationRule {
  std::string pattern;  // of key names, policy/key_pattern.hpp
  std::chrono::milliseconds interval{};
};

struct DueRotation {
  std::string name;
  KeyType type = KeyType::derived;
  std::uint32_t newest_version = 0;  // what a rotation must find (Keyring::rotate)
  base::UnixMillis due;              // since when
};

// Keys with a record that are enabled, whose newest version the custodian can make anew (an
// imported one it cannot) and is older than the shortest interval of the rules that match.
// Ascending by name. Names without a record have no age: nothing is due.
[[nodiscard]] std::vector<DueRotation> due_rotations(const KeyTable& keys,
                                                     std::span<const RotationRule> rules,
                                                     base::UnixMillis now);

}  // namespace concordat::keyservice
