// The worker's link to its custodian: dials through the relay, keeps one live channel, makes the
// next one before the old one's life ends, and repeats idempotent requests with jittered back-off.
// One io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>

#include "attest/base/log.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/head_record.hpp"
#include "keyservice/key_client.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::keyservice {

struct LinkOptions {
  peer::Endpoint relay;
  std::string custodian;  // name by which the relay knows it
  std::chrono::milliseconds request_timeout = std::chrono::seconds(10);
};

class CustodianLink {
 public:
  using Done = PendingRequests::Done;

  // All references outlive the link.
  CustodianLink(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                base::Logger& log, LinkOptions options);
  ~CustodianLink();

  // Dials now and again whenever the channel is lost.
  void start();
  void stop();
  // One request. Nothing changes a key, so that a request whose channel is lost is sent again on
  // the next one until its time is over; where uses are counted, that may count two. `done` is
  // called once, from the io_context.
  void request(RequestBody body, Done done);

  [[nodiscard]] bool connected() const noexcept { return current_ != nullptr; }
  // Told whenever connected() may have changed.
  void on_change(std::function<void()> handler) { changed_ = std::move(handler); }
  // Why there is no channel; success when there is one.
  [[nodiscard]] const base::Status& state() const noexcept { return state_; }
  // The latest head of the journal that a custodian told: whichever comes next is told it first.
  [[nodiscard]] const std::optional<VouchedHead>& seen() const noexcept { return seen_; }
  [[nodiscard]] std::uint64_t handshakes() const noexcept { return handshakes_; }
  // Ends the channel that an older policy admitted; the next is dialled at once.
  void policy_changed();
  // The policy is not usable any more: ends every channel and every request with `why`, and holds
  // on to nothing that a custodian released. Goes on dialling, which may bring a newer policy.
  void policy_lapsed(const base::Error& why);
  void policy_usable();

 private:
  struct Channel;
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  void dial();
  void on_dialled(base::Result<peer::StreamSocket> socket);
  void on_established(const std::shared_ptr<Channel>& channel);
  void on_record(const std::shared_ptr<Channel>& channel, const base::SecretBytes& record);
  [[nodiscard]] base::Status take_head(const Channel& channel, const VouchedHead& head);
  void on_ended(const std::shared_ptr<Channel>& channel, const base::Status& status);
  // The current channel takes no more requests; what it owes is waited for.
  void retire_current();
  void dial_later();
  void submit(const CallPtr& call);
  void flush_waiting();
  void finish(const CallPtr& call, base::Result<ResponseBody> result);
  void tick();

  boost::asio::io_context& io_;
  peer::Party& party_;
  peer::NsmWorker& nsm_;
  base::Logger& log_;
  LinkOptions options_;
  boost::asio::steady_timer redial_;
  boost::asio::steady_timer ticker_;
  std::shared_ptr<Channel> current_;                // takes new requests
  std::shared_ptr<Channel> next_;                   // under way
  std::vector<std::shared_ptr<Channel>> draining_;  // replaced, with answers still to come
  std::deque<CallPtr> waiting_;                     // for a channel
  Backoff backoff_;
  base::Status state_;
  base::Status standing_;  // of the policy
  std::function<void()> changed_;
  std::optional<VouchedHead> seen_;
  std::uint64_t handshakes_ = 0;
  base::MonotonicMillis established_at_;
  bool dialling_ = false;
  bool redialling_ = false;  // a later dial is planned
  bool stopped_ = true;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
