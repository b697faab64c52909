// Whether an entry about a root's genesis tells of the root that its document states, and that the
// policy of the boot which wrote it pins.
#pragma once

#include "keyservice/audit/evidence_check.hpp"

namespace concordat::keyservice::audit {

// Nothing for other kinds of entries. An entry without a document tells of a root whose document
// the store had lost: what it says is held against the policy alone. Which enclave made the root,
// and for which challenge, is not judged: it may have been under an earlier authority, and
// `policy pin-root` judged it before anybody signed.
void check_genesis(std::uint64_t index, const Entry& entry, const policy::Policy& boot_policy,
                   EvidenceCheck& evidence, FindingList& findings);

}  // namespace concordat::keyservice::audit
