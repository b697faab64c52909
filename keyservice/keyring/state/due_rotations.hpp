// Which keys the policy's rotation intervals say are due.
#pragma once

#include "keyservice/keyring/state/key_table.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

struct DueRotation {
  std::string name;
  std::uint32_t newest_version = 0;  // what a rotation must find (Keyring::rotate)
  base::UnixMillis due;              // since when
};

// Keys with a record that are enabled, whose newest version the custodian can make anew (an
// imported one it cannot) and is older than the shortest interval that policy has for it.
// Ascending by name. Names without a record have no age: nothing is due.
[[nodiscard]] std::vector<DueRotation> due_rotations(const KeyTable& keys,
                                                     const policy::RotationIntervals& intervals,
                                                     base::UnixMillis now);

}  // namespace concordat::keyservice
