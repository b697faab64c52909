// The worker's link to its custodians: a channel to each of those that its parent names or finds
// announced, requests on one of them for as long as it answers and says that it serves, and at once
// on another when it does not. A request that was under way then is sent again, unless its use may
// have been counted: nothing is counted twice. One io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>

#include "keyservice/custodian_channel_io.hpp"

namespace concordat::keyservice {

struct LinkOptions {
  peer::Endpoint relay;
  // Names by which the relay knows them, on this instance or beyond another parent: the first of
  // those that are reached is asked, and goes on to be for as long as it answers. At least one.
  // They stay, whoever is announced besides.
  std::vector<std::string> custodians{"custodian"};
  std::chrono::milliseconds request_timeout = std::chrono::seconds(10);
};

class CustodianLink {
 public:
  using Done = PendingRequests::Done;

  // All references outlive the link.
  CustodianLink(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                base::Logger& log, LinkOptions options);
  ~CustodianLink() { *alive_ = false; }
  CustodianLink(const CustodianLink&) = delete;
  CustodianLink& operator=(const CustodianLink&) = delete;

  // Dials now and again whenever a channel is lost.
  void start();
  void stop();
  // Custodians that are announced now: each is dialled as those of the options are, as long as
  // there are no more than kMaxCustodians in all. One that is named no more is forgotten once there
  // is no channel to it.
  void know(std::vector<std::string> announced);
  // One request. Nothing changes a key, so that a request whose channel is lost, or whose custodian
  // just stopped or is not ready, is sent again, with a jittered pause, on another or the next one
  // until its time is over. Where policy has its use counted it is sent once: outcome_unknown when
  // the answer is lost, and the caller, who may ask again, decides whether one more use is worth
  // it. `done` is called once, from the io_context.
  void request(RequestBody body, Done done);

  [[nodiscard]] bool connected() const noexcept;
  // Told whenever connected() or state() may have changed.
  void on_change(std::function<void()> handler) { changed_ = std::move(handler); }
  // Success where the one that is asked now serves, as it says itself; otherwise why there is no
  // channel, or custodian_not_serving with the code that it gave.
  [[nodiscard]] base::Status state() const;
  // The one that is asked now.
  [[nodiscard]] const std::string& custodian() const noexcept { return current().custodian(); }
  // The latest head of the journal that a custodian told: each is told it first.
  [[nodiscard]] const std::optional<VouchedHead>& seen() const noexcept { return seen_; }
  [[nodiscard]] std::uint64_t handshakes() const noexcept;
  // Ends channels that an older policy admitted; the next are dialled at once.
  void policy_changed();
  // The policy is not usable any more: ends every channel and every request with `why`, and holds
  // on to nothing that a custodian released. Goes on dialling, which may bring a newer policy.
  void policy_lapsed(const base::Error& why);
  void policy_usable();

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  [[nodiscard]] const CustodianChannel& current() const noexcept { return *custodians_[current_]; }
  [[nodiscard]] bool can_send() const noexcept;
  // How good it would be to ask this one: 0 not at all.
  [[nodiscard]] static int usefulness(const CustodianChannel& channel);
  void add(const std::string& custodian);
  void forget_unnamed();
  // Another one becomes current where it is better; told when it did.
  bool choose();
  void on_changed();
  // `from`, here and below: the custodian's name.
  [[nodiscard]] base::Status take_head(const std::string& from, const VouchedHead& head,
                                       const std::optional<VouchedHead>& brought);
  void remember(const std::string& from, const VouchedHead& head);
  // Whether what was seen binds whoever tells `told`: not where the policy in force pins its
  // generation no more.
  [[nodiscard]] bool is_binding(const VouchedHead& seen, const VouchedHead& told) const;
  void submit(const CallPtr& call);
  [[nodiscard]] bool is_counted(const RequestBody& body) const;
  void on_answer(const CallPtr& call, const std::string& from, bool counted,
                 base::Result<ResponseBody> result);
  void wait_for_channel(const CallPtr& call);
  // Sends again what waits, after a pause that differs from worker to worker.
  void flush_soon();
  void flush_waiting();
  void finish(const CallPtr& call, base::Result<ResponseBody> result);
  void tick();

  boost::asio::io_context& io_;
  peer::Party& party_;
  peer::NsmWorker& nsm_;
  base::Logger& log_;
  LinkOptions options_;
  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer again_;
  std::vector<std::unique_ptr<CustodianChannel>> custodians_;  // at least one
  std::vector<std::string> announced_;
  std::size_t current_ = 0;
  std::deque<CallPtr> waiting_;  // for a channel
  Backoff backoff_;
  base::Status standing_;  // of the policy
  std::function<void()> changed_;
  std::optional<VouchedHead> seen_;
  bool is_settled_ = false;  // one has answered
  bool flushing_ = false;    // planned
  bool stopped_ = true;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
