// Whether a policy that an entry says came into force was one: signed by the boot's authority,
// within its validity, with the serial that the entry tells, and confirmed by what the entry refers
// to.
#pragma once

#include "attest/authority.hpp"
#include "keyservice/audit/evidence_check.hpp"

namespace concordat::keyservice::audit {

// Nothing for other kinds of entries. A policy that wants a freshness statement may come before its
// first one: it is in force then, and not usable.
void check_policy_change(std::uint64_t index, const Entry& entry,
                         const attest::AuthorityDescriptor& authority, EvidenceCheck& evidence,
                         FindingList& findings);

}  // namespace concordat::keyservice::audit
