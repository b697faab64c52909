#include "keyservice/replica_link_io.hpp"

#include "attest/base/secret_access.hpp"
#include "peer/error.hpp"
#include "peer/preface_io.hpp"
#include "policy/replicas.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

constexpr std::chrono::milliseconds kReplicaDialTimeout = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kFirstReplicaPause{200};
constexpr std::chrono::milliseconds kLongestReplicaPause = std::chrono::seconds(10);
// Nobody waits for a head: it is enough to notice in time that none would come any more.
constexpr std::chrono::milliseconds kReplicaQuiet = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kReplicaGivenUp = std::chrono::seconds(5);

}  // namespace

ReplicaLink::ReplicaLink(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                         Custody& custody, base::Logger& log, peer::Endpoint relay,
                         std::string name, OnHead on_head)
    : io_(io),
      party_(party),
      nsm_(nsm),
      custody_(custody),
      log_(log),
      relay_(std::move(relay)),
      name_(std::move(name)),
      on_head_(std::move(on_head)),
      redial_(io),
      backoff_(kFirstReplicaPause, kLongestReplicaPause) {}

ReplicaLink::~ReplicaLink() {
  *alive_ = false;
  if (stream_) stream_->abort(Error(Errc::custodian_unreachable, "the link is gone"));
}

void ReplicaLink::start() {
  stopped_ = false;
  dial();
}

void ReplicaLink::stop() {
  stopped_ = true;
  redial_.cancel();
  asking_.reset();
  if (stream_) stream_->close();
}

void ReplicaLink::dial() {
  if (stopped_ || dialling_ || stream_) return;
  if (!policy::may_replicate(party_.policies->latest()->model(), party_.role)) {
    answer(Error(Errc::no_replica, "the policy in force has no purpose \"" +
                                       std::string(policy::kReplicaPurpose) + "\" for role '" +
                                       party_.role + "'"));
    return dial_later();
  }
  dialling_ = true;
  peer::async_dial_target(io_, relay_, peer::EnclaveTarget{name_}, kReplicaDialTimeout,
                          [this, alive = alive_](Result<peer::StreamSocket> socket) {
                            if (*alive) on_dialled(std::move(socket));
                          });
}

void ReplicaLink::dial_now() {
  backoff_.reset();
  redial_.cancel();
  dial();
}

void ReplicaLink::dial_later() {
  redial_.expires_after(backoff_.next(*party_.random));
  redial_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (!error && *alive) dial();
  }));
}

void ReplicaLink::on_dialled(Result<peer::StreamSocket> socket) {
  dialling_ = false;
  if (stopped_) return;
  if (!socket) return on_ended(socket.error());
  peer::SecureStream::Events events;
  events.established = [this, alive = alive_](const policy::AdmittedPeer& peer) {
    if (*alive) on_established(peer);
  };
  events.record = [this, alive = alive_](base::SecretBytes record) {
    if (*alive) on_record(record);
  };
  events.ended = [this, alive = alive_](const Status& status) {
    if (!*alive) return;
    stream_.reset();
    on_ended(status);
  };
  stream_ = peer::SecureStream::initiate(*std::move(socket), party_, nsm_,
                                         std::string(policy::kReplicaPurpose), std::move(events));
}

void ReplicaLink::on_established(const policy::AdmittedPeer& peer) {
  if (peer.policy_digest() != party_.policies->latest()->digest()) {
    return stream_->abort(
        Error(peer::Errc::policy_differs, "a newer policy came during the handshake"));
  }
  log_.info("replica_admitted", {{"custodian", name_},
                                 {"role", peer.role()},
                                 {"image", peer.image()},
                                 {"module_id", peer.module_id()}});
  backoff_.reset();
  trouble_.clear();
  teller_.emplace();
  signs_.heard(base::system_monotonic_clock());
  if (asking_) send_request();
  tick();
}

void ReplicaLink::on_record(const base::SecretBytes& record) {
  signs_.heard(base::system_monotonic_clock());
  const auto sign = decode_sign_of_life(record.expose(base::SecretAccess{}));
  if (!sign) return stream_->abort(sign.error());
  if (*sign) return;  // whether it serves workers is nothing to one that wants its heads
  const auto head = decode_head_record(record.expose(base::SecretAccess{}));
  if (!head) return stream_->abort(head.error());
  if (*head) return on_head_(**head, name_);
  if (!asking_ || !asking_->is_sent) {
    return stream_->abort(Error(Errc::malformed_response, "nothing was asked for"));
  }
  auto received = take_root(asking_->request, record);
  if (!received) return answer(received.error());
  // Whoever serves under the root knows of this head before.
  on_head_(received->head, name_);
  answer(std::move(received->root));
}

void ReplicaLink::on_ended(const Status& status) {
  teller_.reset();
  const Error why = status ? Error(Errc::custodian_unreachable, "it closed") : status.error();
  // Once for each trouble: it is dialled for as long as it lasts.
  if (!stopped_ && trouble_ != why.name()) log_.error("replica_lost", why, {{"custodian", name_}});
  trouble_ = why.name();
  answer(Error(Errc::no_replica, why.to_string()));
  if (!stopped_) dial_later();
}

void ReplicaLink::ask(const RootRequest& request, OnRoot done) {
  asking_.emplace(Asking{request, std::move(done)});
  if (teller_) return send_request();
  if (!stream_) dial_now();
}

void ReplicaLink::send_request() {
  asking_->is_sent = true;
  if (const Status sent = stream_->send(encode(asking_->request)); !sent) {
    stream_->abort(sent.error());
  }
}

void ReplicaLink::answer(Result<Root> root) {
  if (!asking_) return;
  const OnRoot done = std::move(asking_->done);
  asking_.reset();
  done(std::move(root));
}

void ReplicaLink::give_up(const Error& why) {
  // An answer that is still to come would be to nobody: the channel goes with it.
  if (asking_ && asking_->is_sent && stream_) stream_->abort(why);
  answer(why);
}

void ReplicaLink::tick() {
  if (!teller_ || !stream_->can_send()) return;
  for (const Status& done : {teller_->tell(custody_, *stream_), listen_for_life()}) {
    if (!done) return stream_->abort(done.error());
  }
  if (stream_->wants_renewal() && !asking_) stream_->close();
}

Status ReplicaLink::listen_for_life() {
  const base::MonotonicMillis now = base::system_monotonic_clock();
  if (signs_.unanswered(now) >= kReplicaGivenUp) return Error(Errc::timed_out, "no sign of life");
  if (!signs_.should_ask(now, kReplicaQuiet)) return {};
  signs_.asked(now);
  return stream_->send(heartbeat());
}

void ReplicaLink::policy_changed() {
  if (stream_) {
    stream_->abort(Error(peer::Errc::policy_differs, "a newer policy is in force"));
  } else if (!stopped_) {
    dial_now();
  }
}

void ReplicaLink::policy_lapsed(const Error& why) {
  if (stream_ && teller_) stream_->abort(why);
}

}  // namespace concordat::keyservice
