// What custodian and worker programs share once booted: the io_context, the NSM's thread, the party
// that handshakes see, a clock that is anchored anew in time, and news of policy, which the parent
// is asked for every few seconds: it may withhold them, never make them up.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "attest/base/log.hpp"
#include "keyservice/boot.hpp"
#include "peer/party.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::keyservice {

class EnclaveRuntime {
 public:
  // References outlive the runtime. `role`: the policy role this enclave plays; peers judge it.
  EnclaveRuntime(boost::asio::io_context& io, Enclave& enclave, const attest::TrustAnchors& anchors,
                 std::string role, base::Logger& log);
  EnclaveRuntime(const EnclaveRuntime&) = delete;
  EnclaveRuntime& operator=(const EnclaveRuntime&) = delete;

  [[nodiscard]] peer::Party& party() noexcept { return party_; }
  [[nodiscard]] peer::NsmWorker& nsm() noexcept { return nsm_; }
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  // Called on the io_context after a newer policy was installed, from whatever source.
  void on_policy_changed(std::function<void()> handler);
  // Keeps the clock anchored and the policy fresh from now on.
  void start();
  void stop();
  ~EnclaveRuntime();

 private:
  void tick();
  void renew_anchor();
  // The thread that asks the parent, whose answers may take long.
  void watch_policy();
  void offer(const base::Bytes& envelope);

  boost::asio::io_context& io_;
  Enclave& enclave_;
  base::Logger& log_;
  attest::ChainCache chain_cache_;
  base::SystemRandom random_;
  peer::Party party_;
  boost::asio::steady_timer ticker_;
  bool anchoring_ = false;
  bool stopped_ = false;
  std::mutex watch_mutex_;
  std::condition_variable watch_wake_;
  bool watch_ends_ = false;
  std::thread watch_;
  peer::NsmWorker nsm_;  // last: its thread ends before what it uses
};

}  // namespace concordat::keyservice
