// Whether the policy of an entry was known to be the newest when the entry was made.
#pragma once

#include "keyservice/audit/evidence_check.hpp"

namespace concordat::keyservice::audit {

// For a policy that names a freshness key, that the entry refers to a statement of that key, for
// exactly this policy, young enough then; for another, that it refers to none. `is_needed`: whether
// the entry cannot have been without one.
void check_freshness(std::uint64_t index, const Entry& entry, const policy::Policy& policy,
                     bool is_needed, EvidenceCheck& evidence, FindingList& findings);

}  // namespace concordat::keyservice::audit
