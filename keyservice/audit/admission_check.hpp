// Whether an admission was one: the document verifies at its own time, it is of who the entry says,
// and the policy that the entry names admits that role.
#pragma once

#include "attest/authority.hpp"
#include "keyservice/audit/evidence_check.hpp"

namespace concordat::keyservice::audit {

// `authority`: that of the boot. Nothing for other kinds of entries.
void check_admission(std::uint64_t index, const Entry& entry,
                     const attest::AuthorityDescriptor& authority, EvidenceCheck& evidence,
                     FindingList& findings);

}  // namespace concordat::keyservice::audit
