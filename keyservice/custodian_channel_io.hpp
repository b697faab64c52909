// A worker's way to one of its custodians: dials it through the relay, keeps one live channel,
// makes the next one before the old one's life ends, and notices when nobody answers any more. What
// is sent, and where, its owner decides (custodian_link_io.hpp). One io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "attest/base/log.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/head_record.hpp"
#include "keyservice/heartbeat.hpp"
#include "keyservice/key_client.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::keyservice {

class CustodianChannel {
 public:
  using Done = PendingRequests::Done;
  struct Events {
    // Requests can be sent, or can no more, or it is silent, or serves, or is not or does not.
    std::function<void()> changed;
    // A head that the custodian told. `brought`: what it was told first of all. What this answers
    // with ends the channel.
    std::function<base::Status(const VouchedHead& head, const std::optional<VouchedHead>& brought)>
        head;
    // The latest head of the journal that any custodian told.
    std::function<const std::optional<VouchedHead>&()> seen;
  };

  // All references outlive this. `custodian`: the name by which the relay knows it.
  CustodianChannel(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                   base::Logger& log, peer::Endpoint relay, std::string custodian, Events events);
  ~CustodianChannel();
  CustodianChannel(const CustodianChannel&) = delete;
  CustodianChannel& operator=(const CustodianChannel&) = delete;

  // Dials now and again whenever the channel is lost.
  void start();
  void stop();
  // Now, whatever was planned.
  void dial();
  // To be called ten times a second.
  void tick(base::MonotonicMillis now);

  [[nodiscard]] bool is_connected() const noexcept { return current_ != nullptr; }
  // There is none, none is being made, and none owes anything.
  [[nodiscard]] bool is_idle() const noexcept {
    return current_ == nullptr && next_ == nullptr && draining_.empty();
  }
  // Not while it ends.
  [[nodiscard]] bool can_send() const noexcept {
    return current_ != nullptr && current_->stream->can_send();
  }
  // It was asked for a sign of life and gave none for 400 ms. What it owes may still come.
  [[nodiscard]] bool is_silent() const noexcept { return is_silent_; }
  // What the custodian said of itself last; nullopt: nothing yet.
  [[nodiscard]] const std::optional<SignOfLife>& said() const noexcept { return said_; }
  [[nodiscard]] const std::string& custodian() const noexcept { return custodian_; }
  // Why there is no channel, or, custodian_not_serving, what is the matter with its custodian;
  // success where it serves.
  [[nodiscard]] base::Status state() const;
  [[nodiscard]] std::uint64_t handshakes() const noexcept { return handshakes_; }

  // On the live channel. An error: it was not sent, and `done` will not be called;
  // custodian_unreachable where another channel may take it. `done` gets custodian_unreachable when
  // the channel ends before the answer comes. `may_move`: take_back gives it back.
  [[nodiscard]] base::Status send(const RequestBody& body, base::MonotonicMillis deadline,
                                  bool may_move, Done done);
  // Ends what was sent and may be sent elsewhere with custodian_unreachable; answers that still
  // come are dropped.
  void take_back();
  // Tells the custodian of the latest head, if that is news to it.
  void tell_head();

  // Ends channels that an older policy admitted; the next is dialled at once.
  void policy_changed();
  void policy_lapsed(const base::Error& why);
  void policy_usable();

 private:
  struct Channel {
    std::shared_ptr<peer::SecureStream> stream;
    PendingRequests pending;
    std::optional<VouchedHead> brought;  // the head that it began with
    std::optional<std::uint64_t> told;   // position of the latest that passed either way
  };
  using ChannelPtr = std::shared_ptr<Channel>;

  void on_dialled(base::Result<peer::StreamSocket> socket);
  void on_established(const ChannelPtr& channel);
  void on_record(const ChannelPtr& channel, const base::SecretBytes& record);
  void on_ended(const ChannelPtr& channel, const base::Status& status);
  // The current channel takes no more requests; what it owes is waited for.
  void retire_current();
  void dial_later();
  void listen_for_life(base::MonotonicMillis now);
  void set_silent(bool silent);
  void on_sign(const ChannelPtr& channel, const SignOfLife& sign);

  boost::asio::io_context& io_;
  peer::Party& party_;
  peer::NsmWorker& nsm_;
  base::Logger& log_;
  peer::Endpoint relay_;
  std::string custodian_;
  Events events_;
  boost::asio::steady_timer redial_;
  ChannelPtr current_;                // takes new requests
  ChannelPtr next_;                   // under way
  std::vector<ChannelPtr> draining_;  // replaced, with answers still to come
  Backoff backoff_;
  base::Status state_;              // without a channel
  std::optional<SignOfLife> said_;  // on the current channel, or the one that it replaced
  std::string trouble_;             // the code of a dial that was logged last
  std::uint64_t handshakes_ = 0;
  base::MonotonicMillis established_at_;
  SignsOfLife signs_;  // on the current channel
  base::MonotonicMillis last_tick_;
  bool is_silent_ = false;
  bool dialling_ = false;
  bool redialling_ = false;  // a later dial is planned
  bool stopped_ = true;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
