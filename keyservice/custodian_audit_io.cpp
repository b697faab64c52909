// The custodian's dealings with its audit log: who was admitted and refused, and what waits for its
// entry.
#include "keyservice/audit_events.hpp"
#include "keyservice/custodian_session.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

AuditRecord Custodian::admission_of(const Session& session) const {
  audit_events::Admission admission{session.stream->transcript(), party_.policies->latest(),
                                    party_.policies->statement(), session.stream->peer_document()};
  return session.peer ? audit_events::admitted(*session.peer, std::move(admission))
                      : audit_events::admitted(*session.who, std::move(admission));
}

// Before anything that the peer asks, whose entries come behind it. Where it cannot be recorded now
// it is once the log is open, or before the first answer.
void Custodian::record_admission(const SessionPtr& session) {
  const auto now = party_.clock();
  const auto& policy = party_.policies->latest();
  if (!now || !recorder_.ready() || session->digest() != policy->digest()) return;
  if (session->is_kept) return record_kept();
  session->is_recorded = true;
  recorder_.record(admission_of(*session), now->wall, [session](const Status& recorded) {
    if (!recorded) session->is_recorded = false;
  });
}

// Strangers may come as fast as streams are accepted: some have an entry each, a few of those their
// document with it, and of the others there is a number, with the next one's entry.
void Custodian::record_stranger(const std::string& source, const Error& why,
                                const base::Bytes& document) {
  const auto now = party_.clock();
  if (!now || !refusal_entries_.take(now->monotonic)) {
    ++refused_unrecorded_;
    return;
  }
  if (refused_unrecorded_ != 0 && recorder_.ready()) {
    record_refusal(audit_events::refused_before(std::exchange(refused_unrecorded_, 0)));
  }
  // A bucket of seconds that are minutes.
  const base::MonotonicMillis minutes{now->monotonic.value / 60};
  const bool is_kept = !document.empty() && refused_documents_.take(minutes);
  record_refusal(audit_events::refused(source, why, is_kept ? document : base::Bytes(),
                                       party_.policies->latest()));
}

// What is refused is answered with or without an entry.
void Custodian::record_refusal(AuditRecord record) {
  const auto now = party_.clock();
  if (!now || !recorder_.ready()) {
    ++refused_unrecorded_;
    return;
  }
  recorder_.record(std::move(record), now->wall, [this, alive = alive_](const Status& recorded) {
    if (!recorded && *alive) ++refused_unrecorded_;
  });
}

// The root that was restored is said whatever else was: it is the one thing that a set is for.
void Custodian::keep_record(const SessionPtr& session, AuditRecord record, base::UnixMillis now,
                            bool is_restored) {
  (void)keep_admission(session, now, is_restored);
  if (!kept_records_.keep(std::move(record), now, is_restored)) ++refused_unrecorded_;
}

bool Custodian::keep_admission(const SessionPtr& session, base::UnixMillis now, bool always) {
  if (session->is_recorded || session->is_kept) return true;
  if (session->digest() != party_.policies->latest()->digest()) return false;
  session->is_kept = kept_records_.keep(admission_of(*session), now, always);
  return session->is_kept;
}

void Custodian::record_kept() {
  const auto now = party_.clock();
  if (!now || kept_records_.size() == 0 || !recorder_.ready()) return;
  for (const auto& [number, session] : sessions_) {
    if (std::exchange(session->is_kept, false)) session->is_recorded = true;
  }
  kept_records_.record(recorder_, now->wall);
}

bool Custodian::goes_without_entry(const SessionPtr& session, policy::AuditedUses level,
                                   base::BytesView request) {
  const auto read = decode_request(request);
  const auto now = party_.clock();
  return read && now && !policy::is_audited(level, operation_name(read->body)) &&
         keep_admission(session, now->wall);
}

void Custodian::audit_opened() {
  // What was kept, and then who is there.
  kept_head_refusals_.clear();
  for (const auto& [number, session] : sessions_)
    session->is_recorded = false;
  record_kept();
  if (refused_unrecorded_ != 0) {
    record_refusal(audit_events::refused_before(std::exchange(refused_unrecorded_, 0)));
  }
  for (const auto& [number, session] : sessions_) {
    if (session->is_admitted() && !session->is_recorded) record_admission(session);
  }
  look_at_serving();
}

Status Custodian::may_answer() const {
  if (!custody_.has_root()) return {};  // that is told instead
  if (*held_bytes_ >= limits_.held_bytes) {
    return Error(Errc::overloaded, "answers that wait for the audit log");
  }
  return recorder_.ready();
}

void Custodian::on_served_recorded(const SessionPtr& session, HeldAnswer& held,
                                   const Status& recorded, base::UnixMillis now) {
  ServedRequest& served = held.served;
  if (!recorded && served.outcome) {
    served.response.wipe();
    served.outcome = recorded.error();
    served.response = encode(served.id, ResponseBody(failure_of(recorded.error())));
  } else if (!recorded) {
    ++refused_unrecorded_;
  }
  answer_worker(session, served, now);
}

void Custodian::serve_replica(const SessionPtr& session, const policy::Policy& policy,
                              base::BytesView request, base::UnixMillis now) {
  if (session->serving != 0) {
    return session->stream->abort(Error(Errc::overloaded, "a request that waits for an answer"));
  }
  const auto served =
      std::make_shared<ServedReplica>(answer_replica(custody_, policy, *session->peer, request));
  if (const Status able = may_answer(); served->outcome && !able) refuse(*served, able.error());
  if (!session->is_recorded) record_admission(session);
  AuditRecord record = audit_events::root_asked_for(*session->peer, *served);
  if (!served->outcome) {
    record_refusal(std::move(record));
    return on_replica_served(session, *served);
  }
  ++session->serving;
  recorder_.record(std::move(record), now,
                   [this, alive = alive_, session, served](const Status& recorded) {
                     if (!*alive) return;
                     guarded(session, [&] {
                       --session->serving;
                       if (!recorded) refuse(*served, recorded.error());
                       on_replica_served(session, *served);
                     });
                   });
}

void Custodian::on_administered_recorded(const SessionPtr& session, ServedAdmin& served,
                                         const Status& recorded) {
  --session->administering;
  if (!sessions_.contains(session->number)) return;
  // How things stand is told also where nothing is recorded, and so is a refusal.
  const bool is_look = served.operation == "status" || served.operation == "root-status" ||
                       served.operation == "recovery-status";
  if (!recorded && served.outcome && !is_look) {
    const Error why = audit_events::is_change(served)
                          ? Error(journal::Errc::outcome_unknown, recorded.error().to_string())
                          : recorded.error();
    served.answer = one_record(encode_failure(served.id, failure_of(why)));
  }
  if (served.answer == nullptr) {
    return session->stream->abort(Error(peer::Errc::out_of_memory));
  }
  session->answers.push_back(std::move(served.answer));
  answer_operator(session);
}

}  // namespace concordat::keyservice
