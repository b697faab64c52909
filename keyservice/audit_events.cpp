#include "keyservice/audit_events.hpp"

#include <algorithm>
#include <array>

#include "keyservice/audit/details.hpp"

namespace concordat::keyservice::audit_events {

namespace {

using audit::Event;
using audit::KeyVersionName;
using audit::Kind;
using audit::Subject;
using audit::SubjectType;

// Of an operator's operations those that leave a key other than it was (admin_messages.hpp); what
// else they ask is looking and rewrapping.
constexpr std::array<std::string_view, 8> kKeyChanges{
    "create", "import", "enable", "disable", "destroy", "set-minimum", "adopt", "root-implicit"};
constexpr std::string_view kRotate = "rotate";
constexpr std::string_view kTakeOver = "root-take-over";
// And those about recovery shares; how things stand is asked often, and is looking.
constexpr std::array<std::string_view, 4> kRecoveries{"recovery-make", "recovery-attest",
                                                      "recovery-start", "recovery-contribute"};

Subject subject_of(const policy::AdmittedPeer& peer) {
  return {SubjectType::enclave, peer.role(), peer.image(), peer.module_id()};
}

Subject subject_of(const policy::AdmittedOperator& who) {
  return {SubjectType::operator_key, who.name(), "", policy::key_id(who.key())};
}

std::optional<KeyVersionName> key_of(const std::string& name, std::uint32_t version) {
  if (name.empty()) return std::nullopt;
  return KeyVersionName{name, version};
}

void tell_outcome(Event& event, const base::Status& outcome) {
  if (outcome) return;
  event.outcome = outcome.error().name();
  if (!event.detail.empty()) event.detail += ": ";
  event.detail += outcome.error().detail();
}

Kind kind_of(const ServedAdmin& served) {
  if (!served.outcome) return Kind::refusal;
  if (served.operation == kRotate || served.operation == kTakeOver) return Kind::rotation;
  if (is_recovery(served)) return Kind::recovery;
  return is_change(served) ? Kind::key_change : Kind::operator_action;
}

AuditRecord admission_of(Subject subject, std::string purpose, Admission admission) {
  Event event;
  event.kind = Kind::admission;
  event.subject = std::move(subject);
  event.purpose = std::move(purpose);
  event.detail = "transcript " + admission.transcript.hex();
  return {std::move(event), std::move(admission.document), std::move(admission.policy),
          std::move(admission.freshness)};
}

}  // namespace

bool is_change(const ServedAdmin& served) noexcept {
  return served.outcome && (served.operation == kRotate ||
                            std::ranges::find(kKeyChanges, served.operation) != kKeyChanges.end());
}

bool is_recovery(const ServedAdmin& served) noexcept {
  return std::ranges::find(kRecoveries, served.operation) != kRecoveries.end();
}

AuditRecord admitted(const policy::AdmittedPeer& peer, Admission admission) {
  return admission_of(subject_of(peer), peer.purpose(), std::move(admission));
}

AuditRecord admitted(const policy::AdmittedOperator& who, Admission admission) {
  return admission_of(subject_of(who), who.purpose(), std::move(admission));
}

AuditRecord refused(std::string_view source, const base::Error& why, base::Bytes document,
                    const policy::PolicyPtr& policy) {
  Event event;
  event.kind = Kind::refusal;
  event.operation = "admission";
  event.outcome = why.name();
  event.detail = std::string(source) + ": " + why.detail();
  const bool is_shown = !document.empty();
  return {std::move(event), std::move(document), is_shown ? policy : nullptr};
}

AuditRecord refused_before(std::uint64_t count) {
  Event event;
  event.kind = Kind::refusal;
  event.operation = "admission";
  event.outcome = "not_logged";
  event.detail = std::to_string(count) +
                 " refusals, or requests about restoring the root, of which " +
                 "no entry could be written, or was";
  return {std::move(event)};
}

AuditRecord served(const policy::AdmittedPeer& peer, const ServedRequest& served) {
  Event event;
  const bool is_release = served.operation == policy::to_string(policy::Operation::get);
  event.kind = !served.outcome ? Kind::refusal : is_release ? Kind::release : Kind::use;
  event.subject = subject_of(peer);
  event.purpose = peer.purpose();
  event.key = key_of(served.key_name, served.version);
  event.operation = served.operation;
  tell_outcome(event, served.outcome);
  return {std::move(event)};
}

AuditRecord asked(const policy::AdmittedOperator& who, const ServedAdmin& asked) {
  Event event;
  event.kind = Kind::operator_action;
  event.subject = subject_of(who);
  event.purpose = who.purpose();
  event.key = key_of(asked.key_name, asked.version);
  event.operation = asked.operation;
  event.detail = "asked for";
  if (!asked.told.empty()) event.detail += ": " + asked.told;
  return {std::move(event)};
}

AuditRecord administered(const policy::AdmittedOperator& who, const ServedAdmin& served) {
  AuditRecord out = asked(who, served);
  out.event.kind = kind_of(served);
  out.event.detail = served.told;
  tell_outcome(out.event, served.outcome);
  return out;
}

AuditRecord rotated(const std::string& name, const base::Result<KeySummary>& result) {
  Event event;
  event.kind = Kind::rotation;
  event.key = key_of(name, result ? result->newest_version : 0);
  event.operation = kRotate;
  event.detail = "by the interval that policy sets";
  if (!result) tell_outcome(event, result.error());
  return {std::move(event)};
}

AuditRecord policy_changed(const policy::PolicyPtr& policy, base::Bytes freshness) {
  Event event;
  event.kind = Kind::policy_change;
  event.detail = audit::policy_change_detail(policy->serial());
  return {std::move(event), {}, policy, std::move(freshness)};
}

Event genesis(const Root& root) {
  Event event;
  event.kind = Kind::genesis;
  event.operation = "genesis";
  event.detail = audit::genesis_detail(root.generation(), root.commitment().view());
  return event;
}

AuditRecord root_asked_for(const policy::AdmittedPeer& peer, const ServedReplica& served) {
  Event event;
  event.kind = served.outcome ? Kind::replica : Kind::refusal;
  event.subject = subject_of(peer);
  event.purpose = peer.purpose();
  event.operation = "root";
  event.detail = "generation " + std::to_string(served.generation);
  tell_outcome(event, served.outcome);
  return {std::move(event)};
}

}  // namespace concordat::keyservice::audit_events
