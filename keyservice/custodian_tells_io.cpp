// What a custodian tells its peers without being asked, and what it learns from them: the journal's
// head, and whether it serves.
#include "keyservice/audit_events.hpp"
#include "keyservice/custodian_session.hpp"
#include "keyservice/error.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

Status Custodian::serving() {
  CONCORDAT_TRY(const peer::Now now, party_.clock());
  CONCORDAT_TRY(const policy::PolicyPtr policy, party_.policies->at(now.wall));
  if (!custody_.has_root()) return Error(Errc::root_missing);
  CONCORDAT_CHECK(custody_.check_root(*policy));
  CONCORDAT_CHECK(custody_.last_load());
  CONCORDAT_CHECK(custody_.check(*policy));
  return recorder_.ready();
}

void Custodian::look_at_serving() {
  take_early_heads();
  // What is not known before a look at the store is over is told then.
  if (custody_.is_looking()) return;
  record_kept();
  const Status able = serving();
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
  if (!custody_.has_root()) {
    // Looked at before anybody is answered under the root.
    if (early_heads_.size() >= limits_.channels) {
      return session->stream->abort(Error(Errc::overloaded, "heads that come before the root"));
    }
    early_heads_.emplace_back(session, seen);
    return;
  }
  custody_.take_seen(seen, [this, alive = alive_, session](const Status& taken) {
    if (!*alive) return;
    guarded(session, [&] {
      if (!taken) on_head_refused(session, taken.error());
    });
    serve_held();
  });
}

void Custodian::take_seen(const VouchedHead& seen, const std::string& custodian) {
  custody_.take_seen(seen, [this, alive = alive_, custodian](const Status& taken) {
    if (!*alive) return;
    if (!taken) log_.error("head_refused", taken.error(), {{"custodian", custodian}});
    serve_held();
  });
}

void Custodian::tell_custodians() {
  for (const auto& [number, session] : sessions_) {
    if (!session->is_custodian() || !session->stream->can_send()) continue;
    if (const Status told = session->teller.tell(custody_, *session->stream); !told) {
      session->stream->abort(told.error());
    }
  }
}

void Custodian::take_early_heads() {
  while (custody_.has_root() && !early_heads_.empty()) {
    const auto [session, seen] = std::move(early_heads_.front());
    early_heads_.pop_front();
    take_seen(session, seen);
  }
}

void Custodian::on_head_refused(const SessionPtr& session, const Error& why) {
  log_.error("head_refused", why,
             {{"role", session->peer->role()}, {"module_id", session->peer->module_id()}});
  report_.refused(wall(), session->source, why);
  if (report_changed_) report_changed_();
  record_refusal(audit_events::refused(session->source, why));
  if (why.is(Errc::head_forged)) session->stream->abort(why);
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
