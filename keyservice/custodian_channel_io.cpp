#include "keyservice/custodian_channel_io.hpp"

#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"
#include "peer/error.hpp"
#include "peer/preface_io.hpp"

namespace concordat::keyservice {

using base::Error;
using base::MonotonicMillis;
using base::Result;
using base::Status;

namespace {

constexpr std::chrono::milliseconds kDialTimeout = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kFirstPause = std::chrono::milliseconds(100);
constexpr std::chrono::milliseconds kLongestPause = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kSettled = std::chrono::seconds(5);

// Where answers are owed, a custodian that just stopped is known within a second: asked at the
// first tick after kQuiet, and silent kSilence later. Where none is owed it costs a record in two
// seconds.
constexpr std::chrono::milliseconds kQuiet{200};
constexpr std::chrono::milliseconds kQuietWhenIdle = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kSilence{400};
// After so long it is dialled anew: what carries the channel may have forgotten it.
constexpr std::chrono::milliseconds kGivenUp = std::chrono::seconds(5);
// A process that did not get to run itself has heard nothing, which says nothing.
constexpr std::chrono::milliseconds kOwnAbsence{250};

Error policy_differs() {
  return {peer::Errc::policy_differs, "a newer policy is in force"};
}

}  // namespace

CustodianChannel::CustodianChannel(boost::asio::io_context& io, peer::Party& party,
                                   peer::NsmWorker& nsm, base::Logger& log, peer::Endpoint relay,
                                   std::string custodian, Events events)
    : io_(io),
      party_(party),
      nsm_(nsm),
      log_(log),
      relay_(std::move(relay)),
      custodian_(std::move(custodian)),
      events_(std::move(events)),
      redial_(io),
      backoff_(kFirstPause, kLongestPause),
      state_(Error(Errc::custodian_unreachable, "not dialled yet")) {}

CustodianChannel::~CustodianChannel() {
  *alive_ = false;
  const Error why(Errc::custodian_unreachable, "the link is gone");
  for (const auto& channel : draining_)
    channel->stream->abort(why);
  for (const auto& channel : {current_, next_}) {
    if (channel) channel->stream->abort(why);
  }
}

void CustodianChannel::start() {
  stopped_ = false;
  dial();
}

void CustodianChannel::stop() {
  stopped_ = true;
  redial_.cancel();
  const Error why(Errc::custodian_unreachable, "stopping");
  for (const auto& channel : std::vector(draining_))
    channel->stream->abort(why);
  for (const auto& channel : {current_, next_}) {
    if (channel) channel->stream->close();
  }
}

void CustodianChannel::dial() {
  if (stopped_ || dialling_ || redialling_ || next_) return;
  dialling_ = true;
  peer::async_dial_target(io_, relay_, peer::EnclaveTarget{custodian_}, kDialTimeout,
                          [this, alive = alive_](Result<peer::StreamSocket> socket) {
                            if (*alive) on_dialled(std::move(socket));
                          });
}

void CustodianChannel::on_dialled(Result<peer::StreamSocket> socket) {
  dialling_ = false;
  if (stopped_) return;
  if (!socket) {
    if (!current_) state_ = Error(Errc::custodian_unreachable, socket.error().to_string());
    // Once for each trouble: one that is gone for good is dialled for as long as it is named.
    if (trouble_ != socket.error().name()) {
      log_.error("dial_failed", socket.error(), {{"custodian", custodian_}});
    }
    trouble_ = socket.error().name();
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
    log_.info(
        "custodian_admitted",
        {{"custodian", custodian_}, {"image", peer.image()}, {"module_id", peer.module_id()}});
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

void CustodianChannel::on_established(const ChannelPtr& channel) {
  ++handshakes_;
  trouble_.clear();
  established_at_ = base::system_monotonic_clock();
  signs_.heard(established_at_);
  retire_current();
  current_ = channel;
  next_.reset();
  is_silent_ = false;
  // Before anything is asked for. What cannot be sent ends the channel.
  channel->brought = events_.seen();
  tell_head();
  events_.changed();
}

void CustodianChannel::tell_head() {
  const auto& seen = events_.seen();
  if (!current_ || !seen || (current_->told && *current_->told >= seen->head.position)) return;
  current_->told = seen->head.position;
  const auto channel = current_;
  if (const Status sent = channel->stream->send(encode(*seen)); !sent) {
    channel->stream->abort(sent.error());
  }
}

void CustodianChannel::on_record(const ChannelPtr& channel, const base::SecretBytes& record) {
  if (channel == current_) {
    signs_.heard(base::system_monotonic_clock());
    set_silent(false);
  }
  const base::BytesView bytes = record.expose(base::SecretAccess{});
  const auto sign = decode_sign_of_life(bytes);
  if (!sign) return channel->stream->abort(sign.error());
  if (*sign) return on_sign(channel, **sign);
  const auto head = decode_head_record(bytes);
  Status taken;
  if (!head) {
    taken = head.error();
  } else if (*head) {
    channel->told = std::max(channel->told.value_or(0), (*head)->head.position);
    taken = events_.head(**head, channel->brought);
  } else {
    taken = channel->pending.on_response(record);
  }
  if (!taken) channel->stream->abort(taken.error());
  if (channel != current_ && channel->pending.size() == 0) channel->stream->close();
}

void CustodianChannel::on_sign(const ChannelPtr& channel, const SignOfLife& sign) {
  if (channel != current_) return;  // the next one's custodian has said something newer
  if (said_ == sign) return;
  said_ = sign;
  sign.serves()
      ? log_.info("custodian_serves", {{"custodian", custodian_}})
      : log_.warn("custodian_not_serving", {{"custodian", custodian_}, {"code", sign.trouble}});
  events_.changed();
}

Status CustodianChannel::state() const {
  if (!current_) return state_;
  if (!said_) return Error(Errc::custodian_not_serving, "it has not said yet that it does");
  return said_->serves() ? Status() : Error(Errc::custodian_not_serving, said_->trouble);
}

void CustodianChannel::on_ended(const ChannelPtr& channel, const Status& status) {
  const bool was_current = current_ == channel;
  const bool was_next = next_ == channel;
  if (was_current) current_.reset();
  if (was_next) next_.reset();
  std::erase(draining_, channel);
  if (!status) {
    log_.error("channel_ended", status.error(), {{"custodian", custodian_}});
  }
  if (!current_) {
    state_ = status ? Error(Errc::custodian_unreachable, "the channel ended") : status;
    said_.reset();
  }
  if (was_current) is_silent_ = false;
  // Each caller decides by its own deadline whether its request goes out again.
  channel->pending.fail_all(Error(Errc::custodian_unreachable, "the channel ended"));
  events_.changed();
  if (stopped_ || current_) return;
  // A channel that lived starts the back-off anew: a relay that cuts each one at once is dialled
  // no faster than one that never answers.
  const auto lived = base::system_monotonic_clock() - established_at_;
  if (was_current && lived > kSettled) backoff_.reset();
  if (was_current || was_next) dial_later();
}

void CustodianChannel::retire_current() {
  const auto old = std::exchange(current_, nullptr);
  if (!old) return;
  draining_.push_back(old);
  if (old->pending.size() == 0) old->stream->close();
}

void CustodianChannel::dial_later() {
  redialling_ = true;
  redial_.expires_after(backoff_.next(*party_.random));
  redial_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive) return;
    redialling_ = false;
    dial();
  });
}

Status CustodianChannel::send(const RequestBody& body, MonotonicMillis deadline, bool may_move,
                              Done done) {
  const auto channel = current_;
  CONCORDAT_TRY(const std::uint64_t id,
                channel->pending.add(operation_of(body), deadline, std::move(done), may_move));
  const base::SecretBytes record = encode(id, body);
  const Status sent = channel->stream->send(record.expose(base::SecretAccess{}));
  if (sent) return {};
  channel->pending.forget(id);
  if (!sent.error().is(peer::Errc::channel_expired)) {
    return Error(Errc::overloaded, sent.error().to_string());
  }
  // Spent: what it owes is waited for, and this request goes out on the next one.
  if (current_ == channel) retire_current();
  dial();
  return Error(Errc::custodian_unreachable, "the channel is spent");
}

void CustodianChannel::take_back() {
  const Error why(Errc::custodian_unreachable, "custodian " + custodian_ + " does not answer");
  if (const auto channel = current_) channel->pending.take_back(why);
}

void CustodianChannel::set_silent(bool silent) {
  if (std::exchange(is_silent_, silent) == silent) return;
  log_.warn(silent ? "custodian_silent" : "custodian_answers_again", {{"custodian", custodian_}});
  events_.changed();
}

void CustodianChannel::listen_for_life(MonotonicMillis now) {
  const auto channel = current_;
  if (now - last_tick_ > kOwnAbsence) signs_.heard(now);
  const auto unanswered = signs_.unanswered(now);
  if (unanswered >= kGivenUp) {
    return channel->stream->abort(Error(Errc::timed_out, "no sign of life"));
  }
  if (unanswered >= kSilence) set_silent(true);
  const bool owes = channel->pending.size() != 0;
  if (!signs_.should_ask(now, owes ? kQuiet : kQuietWhenIdle)) return;
  // A channel that takes no more is full of what nobody takes off it: that is silence, too.
  signs_.asked(now);
  (void)channel->stream->send(heartbeat());
}

void CustodianChannel::tick(MonotonicMillis now) {
  if (current_) current_->pending.expire(now);
  for (const auto& channel : std::vector(draining_)) {
    channel->pending.expire(now);
    if (channel->pending.size() == 0) channel->stream->close();
  }
  if (current_) listen_for_life(now);
  last_tick_ = now;
  tell_head();
  if (current_ && current_->stream->wants_renewal() && !redialling_) dial();
}

void CustodianChannel::policy_changed() {
  if (next_) next_->stream->abort(policy_differs());
  if (!current_) return dial();
  const auto* peer = current_->stream->peer();
  if (peer != nullptr && peer->policy_digest() == party_.policies->latest()->digest()) return;
  current_->stream->abort(policy_differs());
  for (const auto& channel : std::vector(draining_))
    channel->stream->abort(policy_differs());
}

void CustodianChannel::policy_lapsed(const Error& why) {
  state_ = why;
  for (const auto& channel : std::vector(draining_))
    channel->stream->abort(why);
  if (current_) current_->stream->abort(why);
}

void CustodianChannel::policy_usable() {
  if (current_) return;
  state_ = Error(Errc::custodian_unreachable, "not dialled yet");
  backoff_.reset();
  redial_.cancel();
  redialling_ = false;
  dial();
}

}  // namespace concordat::keyservice
