// Replication of custodians in a policy: the purpose by which one asks another for the root.
#pragma once

#include <algorithm>

#include "policy/model.hpp"

namespace concordat::policy {

// Asked and answered by custodians, roles that answer "keys", or the file is an error. A policy
// without it lets no root out of the enclave that unsealed it.
inline constexpr std::string_view kReplicaPurpose = "replica";

// Whether `role` may ask others for the root under this policy.
[[nodiscard]] inline bool may_replicate(const Model& model, std::string_view role) {
  const Purpose* const purpose = model.purpose(kReplicaPurpose);
  return purpose != nullptr &&
         std::ranges::find(purpose->initiator, role) != purpose->initiator.end();
}

}  // namespace concordat::policy
