// What a custodian tells its peers without being asked, and what it learns from them: the journal's
// head, and whether it serves.
#include "keyservice/audit_events.hpp"
#include "keyservice/custodian_session.hpp"
#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

namespace {

// It lacks what somebody saw of it.
bool is_of_store(const Error& why) {
  return why.is(journal::Errc::rolled_back) || why.is(journal::Errc::forked);
}

}  // namespace

Status Custodian::serving() const {
  CONCORDAT_TRY(const peer::Now now, party_.clock());
  CONCORDAT_TRY(const policy::PolicyPtr policy, party_.policies->at(now.wall));
  if (!custody_.has_root()) return Error(Errc::root_missing);
  CONCORDAT_CHECK(custody_.check_root(*policy));
  CONCORDAT_CHECK(custody_.last_load());
  CONCORDAT_CHECK(custody_.check(*policy));
  return recorder_.ready();
}

void Custodian::look_at_serving() {
  // What is not known before a look at the store is over is told then.
  if (custody_.is_looking()) return;
  record_kept();
  const Status able = serving();
  say_rollback(able);
  sign_.trouble = able ? std::string_view() : able.error().name();
  for (const auto& [number, session] : sessions_) {
    if (!session->peer || session->is_custodian() || session->sign == sign_) continue;
    guarded(session, [&, &session = session] { tell_serving(*session); });
  }
}

void Custodian::tell_serving(Session& session) {
  if (!session.stream->can_send()) return;
  if (const Status sent = session.stream->send(encode(sign_)); !sent) {
    return session.stream->abort(sent.error());
  }
  session.sign = sign_;
}

void Custodian::take_seen(const SessionPtr& session, const VouchedHead& seen) {
  // Nobody is served then. Of whom none is kept, he comes again with it.
  if (custody_.unjudged_heads() >= limits_.channels) {
    return session->stream->abort(Error(Errc::overloaded, "heads that nobody can judge yet"));
  }
  const std::string& reporter = session->peer->module_id();
  // What is kept may outlive the channel that it came on.
  const std::weak_ptr<Session> by = session;
  custody_.take_seen(seen, reporter, [this, alive = alive_, by, reporter](const Status& taken) {
    if (!*alive) return;
    if (const SessionPtr who = taken ? nullptr : by.lock()) {
      guarded(who, [&] { on_head_refused(who, taken.error()); });
    } else if (!taken) {
      log_.error("head_refused", taken.error(), {{"module_id", reporter}});
      record_head_refusal(reporter, taken.error());
    }
    serve_held();
  });
}

void Custodian::take_seen(const VouchedHead& seen, const std::string& custodian) {
  custody_.take_seen(seen, custodian, [this, alive = alive_, custodian](const Status& taken) {
    if (!*alive) return;
    if (!taken) {
      log_.error("head_refused", taken.error(), {{"custodian", custodian}});
      record_head_refusal(custodian, taken.error());
    }
    serve_held();
  });
}

void Custodian::tell_custodians() {
  for (const auto& [number, session] : sessions_) {
    if (session->is_custodian() && session->stream->can_send()) tell_custodian(session);
  }
}

void Custodian::tell_custodian(const SessionPtr& session) {
  const Status told = session->teller.tell(custody_, *session->stream);
  if (!told) session->stream->abort(told.error());
}

void Custodian::on_head_refused(const SessionPtr& session, const Error& why) {
  log_.error("head_refused", why,
             {{"role", session->peer->role()}, {"module_id", session->peer->module_id()}});
  record_head_refusal(session->source, why);
  if (why.is(Errc::head_forged)) session->stream->abort(why);
}

// Brought by nobody: by this custodian's own head from before its root went, or in a load.
void Custodian::say_rollback(const Status& able) {
  const bool is_there = !able && is_of_store(able.error());
  if (is_there && !is_rollback_said_) {
    log_.error("head_refused", able.error(), {{"custodian", "this one"}});
    record_head_refusal("this custodian", able.error());
  }
  is_rollback_said_ = is_there;
}

// A store that is older than it was is in the log, even where it was noticed before that is open.
void Custodian::record_head_refusal(const std::string& source, const Error& why) {
  is_rollback_said_ = is_rollback_said_ || is_of_store(why);
  report_.refused(wall(), source, why);
  if (report_changed_) report_changed_();
  AuditRecord record = audit_events::refused(source, why);
  if (recorder_.ready() || why.is(Errc::head_forged)) return record_refusal(std::move(record));
  // One of each kind: a worker may bring them as often as it likes.
  if (kept_head_refusals_.insert(why.code()).second &&
      kept_records_.keep(std::move(record), wall())) {
    return;
  }
  ++refused_unrecorded_;
}

void Custodian::serve_held() {
  if (custody_.is_looking()) return;
  look_at_serving();
  for (const auto& [number, session] : sessions_) {
    guarded(session, [&, &session = session] {
      while (!session->held.empty() && session->stream->can_send()) {
        base::SecretBytes record = std::move(session->held.front());
        session->held.pop_front();
        on_record(session, std::move(record));
      }
    });
  }
}

void Custodian::send_head_if_new(Session& session) {
  const auto head = custody_.head();
  if (!head || session.told == head->head) return;
  session.told = head->head;
  if (const Status sent = session.stream->send(encode(*head)); !sent) {
    session.stream->abort(sent.error());
  }
}

}  // namespace concordat::keyservice
