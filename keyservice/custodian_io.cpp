#include "keyservice/custodian_io.hpp"

#include <set>

#include "attest/base/secret_access.hpp"
#include "peer/error.hpp"
#include "peer/preface_io.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Status;

struct Custodian::Session {
  std::uint64_t number = 0;
  std::string source;  // the parent's word, for the log only
  std::shared_ptr<peer::SecureStream> stream;
  std::optional<policy::AdmittedPeer> peer;
  bool evicted = false;  // its stream is ending, to make room
};

namespace {}  // namespace

Custodian::Custodian(peer::Party& party, peer::NsmWorker& nsm, const KeyServer& keys,
                     base::Logger& log, const CustodianLimits& limits)
    : party_(party),
      nsm_(nsm),
      keys_(keys),
      log_(log),
      limits_(limits),
      admissions_(limits.admissions_per_second, limits.admission_burst, {}),
      refusal_lines_(limits.refusal_lines_per_second, limits.refusal_line_burst, {}),
      report_(wall()) {
  party_.also_admit = [this](const policy::AdmittedPeer& peer) { return check_room(peer); };
}

Custodian::~Custodian() {
  *alive_ = false;
  party_.also_admit = {};
  for (const auto& [number, session] : sessions_)
    session->stream->abort(Error(peer::Errc::channel_closed));
}

void Custodian::serve(std::unique_ptr<peer::Listener> listener) {
  listener_ = std::move(listener);
  listener_->start(
      [this](peer::StreamSocket socket, const peer::PeerAddress&) { accept(std::move(socket)); });
}

std::size_t Custodian::half_open() const {
  std::size_t open = reading_preface_;
  for (const auto& [number, session] : sessions_)
    open += session->peer ? 0 : 1;
  return open;
}

bool Custodian::may_begin(base::MonotonicMillis now) {
  return half_open() < limits_.half_open && sessions_.size() < limits_.channels &&
         admissions_.take(now);
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
  ++reading_preface_;
  peer::async_read_source(
      std::move(socket), limits_.preface_timeout,
      [this, alive = alive_](peer::StreamSocket stream, base::Result<peer::Source> source) {
        if (!*alive) return;
        --reading_preface_;
        if (stopped_) return;
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
  events.record = [this, alive = alive_, session](base::SecretBytes record) {
    if (*alive) on_record(session, std::move(record));
  };
  events.ended = [this, alive = alive_, session](const Status& status) {
    if (*alive) on_ended(session, status);
  };
  sessions_.emplace(session->number, session);
  session->stream = peer::SecureStream::respond(std::move(socket), party_, nsm_, std::move(events),
                                                {limits_.handshake_timeout});
}

void Custodian::on_established(const SessionPtr& session, const policy::AdmittedPeer& peer) {
  // A policy that came while the handshake was under way counts: the snapshot it was judged under
  // is no longer in force.
  if (peer.policy_digest() != party_.policies->latest()->digest()) {
    return session->stream->abort(
        Error(peer::Errc::policy_differs, "a newer policy came during the handshake"));
  }
  make_room_for(peer);
  session->peer = peer;
  ++counts_.handshakes;
  log_.info("peer_admitted", {{"role", peer.role()},
                              {"image", peer.image()},
                              {"module_id", peer.module_id()},
                              {"source", session->source},
                              {"policy_serial", peer.policy_serial()}});
}

void Custodian::on_record(const SessionPtr& session, base::SecretBytes record) {
  const auto now = party_.clock();
  const auto policy =
      now ? party_.policies->at(now->wall) : base::Result<policy::PolicyPtr>(now.error());
  if (!policy) return session->stream->abort(policy.error());
  const ServedRequest served =
      keys_.serve(**policy, *session->peer, record.expose(base::SecretAccess{}), now->wall);
  if (served.outcome) {
    ++counts_.served;
    report_.released(now->wall, *session->peer, served.key_name, served.version, served.operation);
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
  }
  const Status sent = session->stream->send(served.response.expose(base::SecretAccess{}));
  if (!sent) session->stream->abort(sent.error());
}

void Custodian::on_ended(const SessionPtr& session, const Status& status) {
  sessions_.erase(session->number);
  if (session->peer) {
    if (status) return log_.info("channel_closed", {{"role", session->peer->role()}});
    return log_.error("channel_ended", status.error(), {{"role", session->peer->role()}});
  }
  ++counts_.refused;
  if (!status) note_refusal(session->source, status.error());
}

void Custodian::note_refusal(const std::string& source, const Error& why) {
  log_.error("peer_refused", why, {{"source", source}});
  report_.refused(wall(), source, why);
  if (report_changed_) report_changed_();
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
  // Copied: a stream that ends takes itself out of the map.
  const auto sessions = sessions_;
  for (const auto& [number, session] : sessions) {
    if (!session->peer || session->peer->policy_digest() != latest->digest()) {
      session->stream->abort(Error(peer::Errc::policy_differs, "a newer policy is in force"));
    }
  }
}

void Custodian::policy_lapsed(const Error& why) {
  const auto sessions = sessions_;
  for (const auto& [number, session] : sessions) {
    if (session->peer) session->stream->abort(why);
  }
}

Status Custodian::check_room(const policy::AdmittedPeer& peer) const {
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

void Custodian::make_room_for(const policy::AdmittedPeer& peer) {
  std::size_t held = 0;
  SessionPtr oldest;
  for (const auto& [number, session] : sessions_) {
    if (!session->peer || session->evicted) continue;
    if (session->peer->module_id() != peer.module_id()) continue;
    ++held;
    if (!oldest) oldest = session;
  }
  if (held >= limits_.channels_of_one_enclave) {
    oldest->evicted = true;
    oldest->stream->abort(Error(peer::Errc::busy, "channels of one enclave"));
  }
}

void Custodian::stop() {
  stopped_ = true;
  if (listener_) listener_->close();
  const auto sessions = sessions_;
  for (const auto& [number, session] : sessions)
    session->stream->close();
}

}  // namespace concordat::keyservice
