// What a custodian does, as entries of its audit log (audit/entry.hpp). Pure: no clock, no log.
#pragma once

#include "keyservice/admin_server.hpp"
#include "keyservice/audit_trail.hpp"
#include "keyservice/key_server.hpp"
#include "keyservice/replica_server.hpp"
#include "peer/key_schedule.hpp"

namespace concordat::keyservice::audit_events {

// By which handshake somebody was admitted, and under what.
struct Admission {
  peer::TranscriptHash transcript;
  policy::PolicyPtr policy;
  base::Bytes freshness{};  // AuditRecord's
  base::Bytes document{};   // of an enclave
};
[[nodiscard]] AuditRecord admitted(const policy::AdmittedPeer& peer, Admission admission);
[[nodiscard]] AuditRecord admitted(const policy::AdmittedOperator& who, Admission admission);
// Somebody who was not admitted; `source` is the parent's word. `document`: the enclave's, if it is
// to be kept, and then the policy that it was judged by.
[[nodiscard]] AuditRecord refused(std::string_view source, const base::Error& why,
                                  base::Bytes document = {}, const policy::PolicyPtr& policy = {});
// So many before, of which no entry could be made.
[[nodiscard]] AuditRecord refused_before(std::uint64_t count);
// What an admitted peer was answered: a release, a use or a refusal.
[[nodiscard]] AuditRecord served(const policy::AdmittedPeer& peer, const ServedRequest& served);
// A change that an operator asked for, before it is made.
[[nodiscard]] AuditRecord asked(const policy::AdmittedOperator& who, const ServedAdmin& asked);
// And what it was answered.
[[nodiscard]] AuditRecord administered(const policy::AdmittedOperator& who,
                                       const ServedAdmin& served);
// Whether a key is not what it was before.
[[nodiscard]] bool is_change(const ServedAdmin& served) noexcept;
// Whether it is about recovery shares, and more than a look.
[[nodiscard]] bool is_recovery(const ServedAdmin& served) noexcept;
// By the interval that policy sets, not by anybody.
[[nodiscard]] AuditRecord rotated(const std::string& name, const base::Result<KeySummary>& result);
[[nodiscard]] AuditRecord policy_changed(const policy::PolicyPtr& policy, base::Bytes freshness);
// Of a root that a log has heard nothing of.
[[nodiscard]] audit::Event genesis(const Root& root);
// Another custodian asked for the root: that it is given, or why not.
[[nodiscard]] AuditRecord root_asked_for(const policy::AdmittedPeer& peer,
                                         const ServedReplica& served);

}  // namespace concordat::keyservice::audit_events
