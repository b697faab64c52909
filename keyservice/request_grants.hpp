// Which grants a worker's request needs, and whether answering it counts a use: for the custodian,
// who counts, and for the worker, who repeats nothing that counts.
#pragma once

#include "keyservice/messages.hpp"
#include "policy/grants.hpp"

namespace concordat::keyservice {

// What must be granted, each by one of these; nothing for count-run, which a session's rule allows:
// the operation, and of a key that is wrapped `get`, because whoever can open the envelope has it
// then. Errors of policy::find_grants.
[[nodiscard]] base::Result<std::vector<policy::Grants>> needed_grants(const policy::Policy& policy,
                                                                      std::string_view role,
                                                                      const RequestBody& body,
                                                                      base::UnixMillis now);

// Whether a use is counted when it is answered under `policy`. Not where it is refused before.
[[nodiscard]] bool counts_a_use(const policy::Policy& policy, std::string_view role,
                                const RequestBody& body, base::UnixMillis now);

}  // namespace concordat::keyservice
