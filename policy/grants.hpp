// What an admitted role may do with which keys.
#pragma once

#include "policy/policy.hpp"

namespace concordat::policy {

// The first grant of the file that gives `role` this operation on this key at `now`.
// bad_key_name; not_granted: there is no grant by default; grant_expired when only expired ones
// cover it; uses_not_counted when only such with a use limit do: a limit that nobody counts would
// be none.
[[nodiscard]] base::Result<Grant> find_grant(const Policy& policy, std::string_view role,
                                             std::string_view key_name, Operation operation,
                                             base::UnixMillis now);

// What that says of a file that nobody has signed yet: for those who ask why.
[[nodiscard]] base::Result<Grant> explain_grant(const Model& model, std::string_view role,
                                                std::string_view key_name, Operation operation,
                                                base::UnixMillis now);

}  // namespace concordat::policy
