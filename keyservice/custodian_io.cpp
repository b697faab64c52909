#include "keyservice/custodian_io.hpp"

#include <algorithm>
#include <set>

#include "attest/base/secret_access.hpp"
#include "attest/base/slot.hpp"
#include "keyservice/audit_events.hpp"
#include "keyservice/custodian_session.hpp"
#include "peer/preface_io.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

Custodian::Custodian(peer::Party& party, peer::NsmWorker& nsm, Custody& custody, Recorder& recorder,
                     base::Logger& log, const CustodianLimits& limits)
    : party_(party),
      nsm_(nsm),
      custody_(custody),
      recorder_(recorder),
      keys_(custody),
      log_(log),
      limits_(limits),
      admissions_(limits.admissions_per_second, limits.admission_burst, {}),
      refusal_lines_(limits.refusal_lines_per_second, limits.refusal_line_burst, {}),
      refusal_entries_(limits.refusal_entries_per_second, limits.refusal_entry_burst, {}),
      refused_documents_(limits.refused_documents_per_minute, limits.refused_document_burst, {}),
      started_(base::system_monotonic_clock()),
      report_(wall()) {
  party_.also_admit = [this](const policy::AdmittedPeer& peer) { return check_room(peer); };
}

Custodian::~Custodian() {
  *alive_ = false;
  party_.also_admit = {};
  party_.also_admit_operator = {};
  for (const auto& [number, session] : sessions_)
    session->stream->abort(Error(peer::Errc::channel_closed));
}

void Custodian::serve_operators(Administration administration) {
  administration_ = std::move(administration);
  admin_.make_roots_by(administration_->make_root);
  if (administration_->recovery != nullptr) admin_.serve_recovery(*administration_->recovery);
  party_.also_admit_operator = [this](const policy::AdmittedOperator& who) {
    return check_room(who);
  };
}

void Custodian::serve(std::unique_ptr<peer::Listener> listener) {
  listener_ = std::move(listener);
  listener_->start(
      [this](peer::StreamSocket socket, const peer::PeerAddress&) { accept(std::move(socket)); });
}

std::size_t Custodian::half_open() const {
  std::size_t open = *reading_preface_;
  for (const auto& [number, session] : sessions_)
    open += session->is_admitted() ? 0 : 1;
  return open;
}

bool Custodian::may_begin(base::MonotonicMillis now) {
  return half_open() < limits_.half_open && admissions_.take(now);
}

void Custodian::refuse_stream(const base::Result<peer::Now>& now) {
  ++counts_.refused;
  ++refused_unsaid_;
  if (!now || !refusal_lines_.take(now->monotonic)) return;
  log_.warn("stream_refused", {{"reason", "busy"}, {"streams", std::exchange(refused_unsaid_, 0)}});
}

void Custodian::accept(peer::StreamSocket socket) {
  // Before the first byte is read: a stranger's stream costs a slot and a token, or nothing.
  // Without the time nobody is admitted.
  if (stopped_) return;
  const auto now = party_.clock();
  if (!now || !may_begin(now->monotonic)) return refuse_stream(now);
  peer::async_read_source(
      std::move(socket), limits_.preface_timeout,
      [this, alive = alive_, slot = std::make_shared<base::Slot>(reading_preface_)](
          peer::StreamSocket stream, base::Result<peer::Source> source) {
        slot->free();
        if (!*alive || stopped_) return;
        if (!source) return log_.error("preface_refused", source.error());
        begin(std::move(stream), source->text);
      });
}

void Custodian::begin(peer::StreamSocket socket, std::string source) {
  const auto session = std::make_shared<Session>();
  session->number = next_session_++;
  session->source = std::move(source);
  peer::SecureStream::Events events;
  events.established = [this, alive = alive_, session](const policy::AdmittedPeer& peer) {
    if (*alive) on_established(session, peer);
  };
  events.operator_established = [this, alive = alive_,
                                 session](const policy::AdmittedOperator& who) {
    if (*alive) on_established(session, who);
  };
  events.drained = [this, alive = alive_, session] {
    if (*alive) answer_operator(session);
  };
  events.record = [this, alive = alive_, session](base::SecretBytes record) {
    if (*alive) on_record(session, std::move(record));
  };
  events.ended = [this, alive = alive_, session](const Status& status) {
    if (*alive) on_ended(session, status);
  };
  sessions_.emplace(session->number, session);
  try {
    session->stream = peer::SecureStream::respond(std::move(socket), party_, nsm_,
                                                  std::move(events), {limits_.handshake_timeout});
  } catch (const std::bad_alloc&) {
    sessions_.erase(session->number);
    throw;
  }
}

bool Custodian::is_current(const SessionPtr& session, const policy::PolicyDigest& digest) {
  if (digest == party_.policies->latest()->digest()) return true;
  session->stream->abort(
      Error(peer::Errc::policy_differs, "a newer policy came during the handshake"));
  return false;
}

void Custodian::on_established(const SessionPtr& session, const policy::AdmittedPeer& peer) {
  if (!is_current(session, peer.policy_digest())) return;
  const auto own = [&](const Session& other) {
    return other.peer && other.peer->module_id() == peer.module_id();
  };
  const auto any = [](const Session& other) { return other.peer.has_value(); };
  make_room(held_by(own), limits_.channels_of_one_enclave, held_by(any), limits_.channels);
  session->peer = peer;
  ++counts_.handshakes;
  log_.info("peer_admitted", {{"role", peer.role()},
                              {"image", peer.image()},
                              {"module_id", peer.module_id()},
                              {"source", session->source},
                              {"policy_serial", peer.policy_serial()}});
  record_admission(session);
  look_at_serving();
}

void Custodian::on_established(const SessionPtr& session, const policy::AdmittedOperator& who) {
  if (!is_current(session, who.policy_digest())) return;
  const auto own = [&](const Session& other) { return other.who && other.who->key() == who.key(); };
  const auto any = [](const Session& other) { return other.who.has_value(); };
  make_room(held_by(own), limits_.channels_of_one_operator, held_by(any),
            limits_.operator_channels);
  session->who = who;
  ++counts_.operators;
  log_.info("operator_admitted", {{"operator", who.name()},
                                  {"key_id", policy::key_id(who.key())},
                                  {"source", session->source},
                                  {"policy_serial", who.policy_serial()}});
  record_admission(session);
}

void Custodian::on_record(const SessionPtr& session, base::SecretBytes record) {
  const auto now = party_.clock();
  const auto policy =
      now ? party_.policies->at(now->wall) : base::Result<policy::PolicyPtr>(now.error());
  if (!policy) return session->stream->abort(policy.error());
  const base::BytesView request = record.expose(base::SecretAccess{});
  if (session->peer) {
    if (is_heartbeat(request)) return tell_serving(*session);
    const auto seen = decode_head_record(request);
    if (!seen) return session->stream->abort(seen.error());
    if (*seen) return take_seen(session, **seen);
    if (session->serving + session->held.size() >= limits_.requests_of_one_channel) {
      return session->stream->abort(Error(Errc::overloaded, "requests that wait for an answer"));
    }
    if (custody_.is_looking()) return session->held.push_back(std::move(record));
    if (session->is_custodian()) return serve_replica(session, **policy, request, now->wall);
    return serve_worker(session, *policy, request, *now);
  }
  if (session->who) return serve_operator(session, *policy, request, now->wall);
  session->stream->abort(Error(peer::Errc::wrong_state, "a record of nobody"));
}

void Custodian::serve_worker(const SessionPtr& session, policy::PolicyPtr policy,
                             base::BytesView request, const peer::Now& now) {
  ++session->serving;
  const policy::AuditedUses level = policy->model().audited_uses;
  auto done = [this, alive = alive_, session, level, at = now.wall](ServedRequest served) {
    if (!*alive) return;
    guarded(session, [&] {
      const bool is_silent = served.outcome && !policy::is_audited(level, served.operation);
      is_silent ? answer_worker(session, served, at) : on_served(session, std::move(served), at);
    });
  };
  if (const Status able = may_answer(); !able && !goes_without_entry(session, level, request)) {
    return keys_.refuse(request, able.error(), std::move(done));
  }
  if (!session->is_recorded) record_admission(session);
  keys_.serve(std::move(policy), *session->peer, request, now, std::move(done));
}

// Whatever was done has its entry, also when nobody is there any more to get the answer.
void Custodian::on_served(const SessionPtr& session, ServedRequest served, base::UnixMillis now) {
  if (!served.outcome && !recorder_.ready()) {
    ++refused_unrecorded_;
    return answer_worker(session, served, now);
  }
  AuditRecord record = audit_events::served(*session->peer, served);
  const auto held = std::make_shared<HeldAnswer>(std::move(served), held_bytes_);
  recorder_.record(std::move(record), now,
                   [this, alive = alive_, session, held, now](const Status& recorded) {
                     if (!*alive) return;
                     guarded(session, [&] { on_served_recorded(session, *held, recorded, now); });
                   });
}

void Custodian::answer_worker(const SessionPtr& session, const ServedRequest& served,
                              base::UnixMillis now) {
  --session->serving;
  // The channel may have ended while a use was being recorded: then nobody gets the answer.
  if (!sessions_.contains(session->number)) return;
  if (served.outcome) {
    ++counts_.served;
    report_.released(now, *session->peer, served.key_name, served.version, served.operation);
    if (report_changed_) report_changed_();
    log_.info("request_served", {{"operation", served.operation},
                                 {"key", served.key_name},
                                 {"role", session->peer->role()}});
  } else {
    ++counts_.denied;
    log_.error("request_denied", served.outcome.error(),
               {{"operation", served.operation},
                {"key", served.key_name},
                {"role", session->peer->role()}});
    // Whoever is refused for want of something hears of it first.
    look_at_serving();
  }
  if (served.response.empty()) {
    return session->stream->abort(Error(peer::Errc::out_of_memory));
  }
  send_head_if_new(*session);
  const Status sent = session->stream->send(served.response.expose(base::SecretAccess{}));
  if (!sent) session->stream->abort(sent.error());
}

// The one place from which the root leaves this enclave, behind the entry that says so.
void Custodian::on_replica_served(const SessionPtr& session, const ServedReplica& served) {
  const policy::AdmittedPeer& peer = *session->peer;
  const std::initializer_list<base::LogField> what = {
      {"generation", served.generation}, {"role", peer.role()},
      {"image", peer.image()},           {"module_id", peer.module_id()},
      {"source", session->source},       {"policy_serial", peer.policy_serial()}};
  if (served.outcome) {
    log_.info("root_given", what);
    // First, whatever generation vouches for it: whoever has a root and no head takes an older
    // store for the newest.
    tell_custodian(session);
  } else {
    log_.error("root_not_given", served.outcome.error(), what);
  }
  const Status sent = session->stream->send(served.response.expose(base::SecretAccess{}));
  if (!sent) session->stream->abort(sent.error());
}

void Custodian::serve_operator(const SessionPtr& session, policy::PolicyPtr policy,
                               base::BytesView request, base::UnixMillis now) {
  if (session->answers.size() + session->administering >= limits_.operator_answers) {
    return session->stream->abort(Error(Errc::overloaded, "requests that wait for an answer"));
  }
  ++session->administering;
  if (!session->is_recorded) record_admission(session);
  admin_.serve(
      std::move(policy), *session->who, request, now,
      [this, alive = alive_, session, now, had_root = custody_.has_root()](ServedAdmin served) {
        if (!*alive) return;
        guarded(session, [&] { on_administered(session, std::move(served), now, had_root); });
      },
      // So that no change is made of which the log says nothing, even if it ends behind it.
      [this, session, now](const ServedAdmin& asked, std::function<void(Status)> go_on) {
        recorder_.record(audit_events::asked(*session->who, asked), now, std::move(go_on));
      });
}

void Custodian::on_administered(const SessionPtr& session, ServedAdmin served, base::UnixMillis now,
                                bool had_root) {
  // Whoever asked may be gone; what was done is done, and is said.
  const std::string& who = session->who->name();
  if (served.outcome) {
    ++counts_.administered;
    log_.info("request_administered", {{"operation", served.operation},
                                       {"operator", who},
                                       {"key", served.key_name},
                                       {"version", served.version}});
  } else {
    ++counts_.denied;
    log_.error("request_denied", served.outcome.error(),
               {{"operation", served.operation},
                {"operator", who},
                {"key", served.key_name},
                {"version", served.version}});
  }
  // Whoever is connected keeps it, also who asks for nothing: a copy of the store from before this
  // change is noticed by any of them.
  for (const auto& [number, other] : sessions_) {
    if (other->peer) send_head_if_new(*other);
  }
  AuditRecord record = audit_events::administered(*session->who, served);
  const auto held = std::make_shared<ServedAdmin>(std::move(served));
  if (!had_root && audit_events::is_recovery(*held) && !recorder_.ready()) {
    keep_record(session, std::move(record), now, custody_.has_root() && held->outcome);
    return on_administered_recorded(session, *held, {});
  }
  recorder_.record(std::move(record), now,
                   [this, alive = alive_, session, held](const Status& recorded) {
                     if (!*alive) return;
                     guarded(session, [&] { on_administered_recorded(session, *held, recorded); });
                   });
}

void Custodian::answer_operator(const SessionPtr& session) {
  while (!session->answers.empty() && session->stream->bytes_waiting() < limits_.operator_backlog) {
    const auto record = session->answers.front()->next();
    if (!record) {
      session->answers.pop_front();
      continue;
    }
    if (const Status sent = session->stream->send(*record); !sent) {
      return session->stream->abort(sent.error());
    }
  }
}

base::Result<CustodianStatus> Custodian::status() const {
  CONCORDAT_TRY(const peer::Now now, party_.clock());
  const auto& policy = party_.policies->latest();
  CustodianStatus status;
  status.enclave = administration_->facts;
  status.role = party_.role;
  status.policy_serial = policy->serial();
  status.policy_digest = policy->digest();
  if (custody_.has_root()) {
    status.root.emplace(
        CustodianStatus::RootState{custody_.root().generation(), custody_.root().commitment()});
    const Keyring& keyring = custody_.keyring();
    status.keyring.emplace(CustodianStatus::KeyringState{
        keyring.journal().is_loaded(), keyring.keys().records().size(), keyring.journal().head()});
  }
  if (const Status able = serving(); !able) status.trouble = able.error().name();
  status.audit_log = recorder_.state();
  status.now = now.wall;
  status.uptime = base::system_monotonic_clock() - started_;
  if (const auto anchored = administration_->anchored_at()) {
    status.anchor_age = now.monotonic - *anchored;
  }
  status.counts = counts_;
  for (const auto& [number, session] : sessions_) {
    if (session->peer) ++status.channels[session->peer->role()];
    if (session->who) ++status.operator_channels[session->who->name()];
  }
  status.memory = base::secret_memory_status();
  return status;
}

void Custodian::on_ended(const SessionPtr& session, const Status& status) {
  sessions_.erase(session->number);
  if (session->is_admitted()) {
    const char* const kind = session->peer ? "role" : "operator";
    const std::string& name = session->peer ? session->peer->role() : session->who->name();
    if (status) return log_.info("channel_closed", {{kind, name}});
    return log_.error("channel_ended", status.error(), {{kind, name}});
  }
  ++counts_.refused;
  if (!status) note_refusal(session->source, status.error(), session->stream->refused_document());
}

void Custodian::note_refusal(const std::string& source, const Error& why,
                             const base::Bytes& document) {
  log_.error("peer_refused", why, {{"source", source}});
  report_.refused(wall(), source, why);
  if (report_changed_) report_changed_();
  record_stranger(source, why, document);
}

base::UnixMillis Custodian::wall() const {
  const auto now = party_.clock();
  return now ? now->wall : base::UnixMillis();
}

std::string Custodian::report() const {
  return report_.to_json(wall(), *party_.policies->latest());
}

void Custodian::policy_changed() {
  const auto& latest = party_.policies->latest();
  // A stream that ends takes itself out of the map later.
  for (const auto& [number, session] : sessions_) {
    if (!session->is_admitted() || session->digest() != latest->digest()) {
      session->stream->abort(Error(peer::Errc::policy_differs, "a newer policy is in force"));
    }
  }
}

void Custodian::policy_lapsed(const Error& why) {
  for (const auto& [number, session] : sessions_) {
    if (session->is_admitted()) session->stream->abort(why);
  }
}

Status Custodian::check_room(const policy::AdmittedPeer& peer) const {
  const Held all = held_by([](const Session& other) { return other.peer.has_value(); });
  const bool has_one = std::ranges::any_of(
      all, [&](const SessionPtr& other) { return other->peer->module_id() == peer.module_id(); });
  if (all.size() >= limits_.channels && !has_one) {
    return Error(peer::Errc::busy, "there are as many channels of enclaves as there may be");
  }
  // Of the policy that admitted the peer: on_established lets no other through.
  const policy::Role* role = party_.policies->latest()->model().role(peer.role());
  if (role == nullptr || !role->maximum_live) return {};
  std::set<std::string_view> others;
  for (const auto& [number, session] : sessions_) {
    if (session->peer && session->peer->role() == peer.role() &&
        session->peer->module_id() != peer.module_id()) {
      others.insert(session->peer->module_id());
    }
  }
  if (others.size() < *role->maximum_live) return {};
  return Error(policy::AdmissionErrc::role_full,
               "role '" + peer.role() + "' may have " + std::to_string(*role->maximum_live) +
                   " live enclaves and has them; " + peer.module_id() + " is one more");
}

Status Custodian::check_room(const policy::AdmittedOperator& who) const {
  if (who.purpose() != policy::kAdminPurpose) {
    return Error(peer::Errc::purpose_not_served, "to operators: '" + who.purpose() + "'");
  }
  const Held all = held_by([](const Session& other) { return other.who.has_value(); });
  const bool has_one = std::ranges::any_of(
      all, [&](const SessionPtr& other) { return other->who->key() == who.key(); });
  if (all.size() < limits_.operator_channels || has_one) return {};
  return Error(peer::Errc::busy, "there are as many channels of operators as there may be");
}

template <class Belongs>
Custodian::Held Custodian::held_by(const Belongs& belongs) const {
  Held held;
  for (const auto& [number, session] : sessions_) {
    if (!session->evicted && belongs(*session)) held.push_back(session);
  }
  return held;
}

void Custodian::make_room(const Held& own, std::size_t most_own, const Held& all,
                          std::size_t most) {
  if (own.empty() || (own.size() < most_own && all.size() < most)) return;
  own.front()->evicted = true;
  own.front()->stream->abort(Error(peer::Errc::busy, "a newer channel of the same peer"));
}

void Custodian::stop() {
  stopped_ = true;
  if (listener_) listener_->close();
  for (const auto& [number, session] : sessions_)
    session->stream->close();
}

}  // namespace concordat::keyservice
