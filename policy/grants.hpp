// What an admitted role may do with which keys.
#pragma once

#include "policy/policy.hpp"

namespace concordat::policy {

// The grants of the file that give `role` this operation on this key at `now`, at least one: those
// without a use limit first, so that nothing is counted where nothing has to be; otherwise in the
// file's order. Whoever is served under one with a limit must have counted the use. They live as
// long as the policy. bad_key_name; not_granted: there is no grant by default; grant_expired when
// only expired ones cover it.
using Grants = std::vector<const Grant*>;
[[nodiscard]] base::Result<Grants> find_grants(const Policy& policy, std::string_view role,
                                               std::string_view key_name, Operation operation,
                                               base::UnixMillis now);

// The first of them, in a file that nobody has signed yet: for those who ask why.
[[nodiscard]] base::Result<Grant> explain_grant(const Model& model, std::string_view role,
                                                std::string_view key_name, Operation operation,
                                                base::UnixMillis now);

}  // namespace concordat::policy
