// What an admitted role may do with which keys.
#pragma once

#include "policy/policy.hpp"

namespace concordat::policy {

// The first grant of the file that gives `role` this operation on this key. bad_key_name, or
// not_granted: there is no grant by default.
[[nodiscard]] base::Result<Grant> find_grant(const Policy& policy, std::string_view role,
                                             std::string_view key_name, Operation operation);

}  // namespace concordat::policy
