#include "keyservice/custodian_link_io.hpp"

#include "attest/base/secret_access.hpp"
#include "keyservice/journal/errc.hpp"
#include "peer/error.hpp"
#include "peer/preface_io.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

// A channel and the requests that were sent on it.
struct CustodianLink::Channel {
  std::shared_ptr<peer::SecureStream> stream;
  PendingRequests pending;
  std::uint64_t brought = 0;  // position of the head that it began with
};

// A request from its caller's point of view: it may travel on several channels in turn.
struct CustodianLink::Call {
  RequestBody body;
  base::MonotonicMillis deadline;
  Done done;
};

namespace {

constexpr std::chrono::milliseconds kDialTimeout = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kTick = std::chrono::milliseconds(200);
constexpr std::chrono::milliseconds kFirstPause = std::chrono::milliseconds(100);
constexpr std::chrono::milliseconds kLongestPause = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kSettled = std::chrono::seconds(5);

}  // namespace

CustodianLink::CustodianLink(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                             base::Logger& log, LinkOptions options)
    : io_(io),
      party_(party),
      nsm_(nsm),
      log_(log),
      options_(std::move(options)),
      redial_(io),
      ticker_(io),
      backoff_(kFirstPause, kLongestPause),
      state_(Error(Errc::custodian_unreachable, "not dialled yet")) {}

CustodianLink::~CustodianLink() {
  *alive_ = false;
  const Error why(Errc::custodian_unreachable, "the link is gone");
  for (const auto& channel : draining_)
    channel->stream->abort(why);
  for (const auto& channel : {current_, next_}) {
    if (channel) channel->stream->abort(why);
  }
}

void CustodianLink::start() {
  stopped_ = false;
  dial();
  tick();
}

void CustodianLink::stop() {
  stopped_ = true;
  redial_.cancel();
  ticker_.cancel();
  const Error why(Errc::custodian_unreachable, "stopping");
  for (const auto& call : std::exchange(waiting_, {}))
    finish(call, why);
  for (const auto& channel : std::vector(draining_))
    channel->stream->abort(why);
  for (const auto& channel : {current_, next_}) {
    if (channel) channel->stream->close();
  }
}

void CustodianLink::dial() {
  if (stopped_ || dialling_ || redialling_ || next_) return;
  dialling_ = true;
  peer::async_dial_target(io_, options_.relay, peer::EnclaveTarget{options_.custodian},
                          kDialTimeout, [this, alive = alive_](Result<peer::StreamSocket> socket) {
                            if (*alive) on_dialled(std::move(socket));
                          });
}

void CustodianLink::on_dialled(Result<peer::StreamSocket> socket) {
  dialling_ = false;
  if (stopped_) return;
  if (!socket) {
    if (!current_) state_ = Error(Errc::custodian_unreachable, socket.error().to_string());
    log_.error("dial_failed", socket.error(), {{"custodian", options_.custodian}});
    return dial_later();
  }
  const auto channel = std::make_shared<Channel>();
  peer::SecureStream::Events events;
  events.established = [this, alive = alive_, channel](const policy::AdmittedPeer& peer) {
    if (!*alive) return;
    if (peer.policy_digest() != party_.policies->latest()->digest()) {
      return channel->stream->abort(
          Error(peer::Errc::policy_differs, "a newer policy came during the handshake"));
    }
    log_.info("custodian_admitted", {{"image", peer.image()}, {"module_id", peer.module_id()}});
    on_established(channel);
  };
  events.record = [this, alive = alive_, channel](base::SecretBytes record) {
    if (*alive) on_record(channel, record);
  };
  events.ended = [this, alive = alive_, channel](const Status& status) {
    if (*alive) on_ended(channel, status);
  };
  channel->stream = peer::SecureStream::initiate(
      *std::move(socket), party_, nsm_, std::string(policy::kKeysPurpose), std::move(events));
  next_ = channel;
}

void CustodianLink::on_established(const std::shared_ptr<Channel>& channel) {
  ++handshakes_;
  established_at_ = base::system_monotonic_clock();
  state_ = {};
  if (seen_) {
    // What cannot be sent ends the channel, and with it this.
    channel->brought = seen_->head.position;
    if (const Status sent = channel->stream->send(encode(*seen_)); !sent) {
      return channel->stream->abort(sent.error());
    }
  }
  retire_current();
  current_ = channel;
  next_.reset();
  flush_waiting();
  if (changed_) changed_();
}

void CustodianLink::on_record(const std::shared_ptr<Channel>& channel,
                              const base::SecretBytes& record) {
  const auto head = decode_head_record(record.expose(base::SecretAccess{}));
  const Status taken = !head   ? Status(head.error())
                       : *head ? take_head(*channel, **head)
                               : channel->pending.on_response(record);
  if (!taken) channel->stream->abort(taken.error());
  if (channel != current_ && channel->pending.size() == 0) channel->stream->close();
}

Status CustodianLink::take_head(const Channel& channel, const VouchedHead& head) {
  // Another generation is the authority's word that things begin anew (Custody::take_seen).
  if (!seen_ || head.generation > seen_->generation ||
      (head.generation == seen_->generation && head.head.position > seen_->head.position)) {
    seen_ = head;
    // Learnt on a channel that drains: the one that goes on is with a custodian that may lack it.
    if (current_ && current_.get() != &channel) return current_->stream->send(encode(head));
    return {};
  }
  if (head.generation < seen_->generation) return {};
  if (head.head.position < channel.brought) {
    return Error(journal::Errc::rolled_back, "the custodian was told of position " +
                                                 std::to_string(channel.brought) +
                                                 " and answers from " +
                                                 std::to_string(head.head.position));
  }
  // An earlier one is a custodian that has not read the newest entries yet. Another one at the same
  // place is none of ours to decide about: the next channel brings ours to whoever answers.
  if (head.head.position < seen_->head.position || head.head.hash == seen_->head.hash) return {};
  return Error(journal::Errc::forked, "two custodians told different heads at position " +
                                          std::to_string(head.head.position));
}

void CustodianLink::on_ended(const std::shared_ptr<Channel>& channel, const Status& status) {
  const bool was_current = current_ == channel;
  const bool was_next = next_ == channel;
  if (was_current) current_.reset();
  if (was_next) next_.reset();
  std::erase(draining_, channel);
  if (!status) {
    log_.error("channel_ended", status.error(), {{"custodian", options_.custodian}});
    if (!current_) state_ = status;
  }
  // Each caller decides by its own deadline whether its request goes out again.
  channel->pending.fail_all(Error(Errc::custodian_unreachable, "the channel ended"));
  if (changed_) changed_();
  if (stopped_ || current_) return;
  // A channel that lived starts the back-off anew: a relay that cuts each one at once is dialled
  // no faster than one that never answers.
  const auto lived = base::system_monotonic_clock() - established_at_;
  if (was_current && lived > kSettled) backoff_.reset();
  if (was_current || was_next) dial_later();
}

void CustodianLink::retire_current() {
  const auto old = std::exchange(current_, nullptr);
  if (!old) return;
  draining_.push_back(old);
  if (old->pending.size() == 0) old->stream->close();
}

void CustodianLink::dial_later() {
  redialling_ = true;
  redial_.expires_after(backoff_.next(*party_.random));
  redial_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive) return;
    redialling_ = false;
    dial();
  });
}

void CustodianLink::request(RequestBody body, Done done) {
  const auto call = std::make_shared<Call>(Call{
      std::move(body), base::system_monotonic_clock() + options_.request_timeout, std::move(done)});
  submit(call);
}

void CustodianLink::submit(const CallPtr& call) {
  if (stopped_) return finish(call, Error(Errc::custodian_unreachable, "stopping"));
  if (!standing_) return finish(call, standing_.error());
  if (!current_ || !current_->stream->can_send()) {
    if (waiting_.size() >= PendingRequests::kMaxPending) {
      return finish(call, Error(Errc::overloaded, "requests waiting for a channel"));
    }
    waiting_.push_back(call);
    return dial();
  }
  const auto channel = current_;
  const auto id =
      channel->pending.add(operation_of(call->body), call->deadline,
                           [this, alive = alive_, call](Result<ResponseBody> result) {
                             if (!*alive) return;
                             // The channel went away under an idempotent request: once more, on the
                             // next one.
                             if (!result && result.error().is(Errc::custodian_unreachable) &&
                                 !stopped_ && base::system_monotonic_clock() < call->deadline) {
                               return submit(call);
                             }
                             finish(call, std::move(result));
                           });
  if (!id) return finish(call, id.error());
  const base::SecretBytes record = encode(*id, call->body);
  const Status sent = channel->stream->send(record.expose(base::SecretAccess{}));
  if (sent) return;
  if (!sent.error().is(peer::Errc::channel_expired)) {
    return channel->pending.fail(*id, Error(Errc::overloaded, sent.error().to_string()));
  }
  // Spent: what it owes is waited for, and this request goes out on the next one.
  if (current_ == channel) retire_current();
  channel->pending.fail(*id, Error(Errc::custodian_unreachable, "the channel is spent"));
}

void CustodianLink::flush_waiting() {
  for (const auto& call : std::exchange(waiting_, {}))
    submit(call);
}

void CustodianLink::finish(const CallPtr& call, Result<ResponseBody> result) {
  // Posted, so that a caller is never called back from inside its own request().
  boost::asio::post(io_, [call, result = std::make_shared<Result<ResponseBody>>(
                                    std::move(result))] { call->done(std::move(*result)); });
}

void CustodianLink::policy_changed() {
  if (next_) next_->stream->abort(Error(peer::Errc::policy_differs, "a newer policy is in force"));
  if (!current_) return dial();
  const auto* peer = current_->stream->peer();
  if (peer != nullptr && peer->policy_digest() == party_.policies->latest()->digest()) return;
  const Error why(peer::Errc::policy_differs, "a newer policy is in force");
  current_->stream->abort(why);
  for (const auto& channel : std::vector(draining_))
    channel->stream->abort(why);
}

void CustodianLink::policy_lapsed(const Error& why) {
  standing_ = state_ = why;
  for (const auto& call : std::exchange(waiting_, {}))
    finish(call, why);
  for (const auto& channel : std::vector(draining_))
    channel->stream->abort(why);
  if (current_) current_->stream->abort(why);
}

void CustodianLink::policy_usable() {
  standing_ = {};
  if (current_) return;
  state_ = Error(Errc::custodian_unreachable, "not dialled yet");
  backoff_.reset();
  redial_.cancel();
  redialling_ = false;
  dial();
}

void CustodianLink::tick() {
  ticker_.expires_after(kTick);
  ticker_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive || stopped_) return;
    const base::MonotonicMillis now = base::system_monotonic_clock();
    if (current_) current_->pending.expire(now);
    for (const auto& channel : std::vector(draining_)) {
      channel->pending.expire(now);
      if (channel->pending.size() == 0) channel->stream->close();
    }
    while (!waiting_.empty() && waiting_.front()->deadline <= now) {
      finish(waiting_.front(), state_ ? Error(Errc::timed_out) : state_.error());
      waiting_.pop_front();
    }
    if (current_ && current_->stream->wants_renewal() && !redialling_) dial();
    tick();
  });
}

}  // namespace concordat::keyservice
