// How a custodian's root generations stand, as an operator is told (admin_messages.hpp):
//
//   status       [[generation...], sealing, since, snapshot wanting, implicit, audit log]
//   generation   [number, current, held, versions, why it is needed]
//
// sealing: the generation that took over last, by the entry at position `since` (0: no other was
// before it). snapshot wanting: whether reading the journal anew takes an older one. implicit: of
// what names without a record stand for. audit log: whose log key signs; 0: it is not open.
// versions: of derived keys, that come from it and are not destroyed. Why: the words of
// generation_needed; empty: it can be retired, as far as this custodian knows.
#pragma once

#include <string>
#include <vector>

#include "keyservice/custody.hpp"

namespace concordat::keyservice {

struct RootStatus {
  struct Generation {
    std::uint32_t number = 0;
    bool is_current = false;
    bool is_held = false;
    std::uint64_t versions = 0;
    std::string needed;
  };
  std::vector<Generation> generations;  // that the policy pins, ascending
  std::uint32_t sealing = 0;
  std::uint64_t since = 0;
  bool is_snapshot_wanting = false;
  std::uint32_t implicit = 0;
  std::uint32_t audit_log = 0;
};

// generation_needed, where this custodian knows of anything that leans on it.
[[nodiscard]] base::Status check_retirement(const Custody& custody, std::uint32_t audit_log,
                                            std::uint32_t generation);
// Only with a root.
[[nodiscard]] RootStatus root_status(const Custody& custody, const policy::Policy& policy,
                                     std::uint32_t audit_log);

[[nodiscard]] base::Bytes encode(const RootStatus& status);
// malformed_response.
[[nodiscard]] base::Result<RootStatus> decode_root_status(base::BytesView item);

}  // namespace concordat::keyservice
