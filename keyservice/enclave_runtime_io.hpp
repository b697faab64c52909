// What custodian and worker programs share once booted: the io_context, the NSM's thread, the party
// that handshakes see, a clock that is anchored anew in time, news of policy and of its freshness
// as they come to the parent (which may withhold them, never make them up), and the one place that
// notices when the policy stops being usable, and when it is again.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "attest/base/log.hpp"
#include "keyservice/boot.hpp"
#include "keyservice/parent_watch_io.hpp"
#include "peer/party.hpp"
#include "peer/reserved_memory_io.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::keyservice {

class EnclaveRuntime {
 public:
  // References outlive the runtime. `relay`: the way to the parent. `role`: the policy role this
  // enclave plays; peers judge it.
  EnclaveRuntime(boost::asio::io_context& io, Enclave& enclave, const attest::TrustAnchors& anchors,
                 const peer::Endpoint& relay, std::string role, base::Logger& log);
  EnclaveRuntime(const EnclaveRuntime&) = delete;
  EnclaveRuntime& operator=(const EnclaveRuntime&) = delete;

  [[nodiscard]] peer::Party& party() noexcept { return party_; }
  [[nodiscard]] peer::NsmWorker& nsm() noexcept { return nsm_; }
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  // Called on the io_context after a newer policy was installed, from whatever source.
  void on_policy_changed(std::function<void()> handler) { policy_changed_ = std::move(handler); }
  // Called on the io_context when the policy stops being usable, with the reason (expired, no
  // freshness statement, no time), and with success when it is again. Within half a second.
  void on_standing(std::function<void(const base::Status&)> handler) {
    standing_changed_ = std::move(handler);
  }
  // Whether the policy is usable; what it was when last looked at.
  [[nodiscard]] const base::Status& standing() const noexcept { return standing_; }
  // When the clock was last read from the NSM.
  [[nodiscard]] std::optional<base::MonotonicMillis> anchored_at() const noexcept {
    return enclave_.clock.anchored_at();
  }
  // Keeps the clock anchored and the policy fresh from now on.
  void start();
  void stop();

 private:
  void tick();
  void renew_anchor();
  // What the parent has; whether it changed anything.
  bool offer_policy(const base::Bytes& envelope);
  bool offer_freshness(const base::Bytes& envelope);
  void policy_changed();
  void look_at_standing();
  void tell_standing();

  boost::asio::io_context& io_;
  Enclave& enclave_;
  base::Logger& log_;
  attest::ChainCache chain_cache_;
  base::SystemRandom random_;
  peer::Party party_;
  boost::asio::steady_timer ticker_;
  peer::ReservedMemoryPtr tick_memory_ = std::make_shared<peer::ReservedMemory>();
  ParentWatch policy_watch_, freshness_watch_;
  std::function<void()> policy_changed_;
  std::function<void(const base::Status&)> standing_changed_;
  base::Status standing_;
  bool is_standing_told_ = true;
  policy::PolicyPtr told_of_;  // the policy that policy_changed_ was told of
  bool anchoring_ = false;
  bool stopped_ = false;
  peer::NsmWorker nsm_;  // last: its thread ends before what it uses
};

}  // namespace concordat::keyservice
