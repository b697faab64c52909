// What custodian and worker programs share once booted: the io_context, the NSM's thread, the party
// that handshakes see, a clock that is anchored anew in time, and news of policy.
#pragma once

#include <boost/asio/steady_timer.hpp>

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
  // Keeps the clock anchored from now on.
  void start();
  void stop();

 private:
  void tick();
  void renew_anchor();

  boost::asio::io_context& io_;
  Enclave& enclave_;
  base::Logger& log_;
  attest::ChainCache chain_cache_;
  base::SystemRandom random_;
  peer::Party party_;
  boost::asio::steady_timer ticker_;
  bool anchoring_ = false;
  peer::NsmWorker nsm_;  // last: its thread ends before what it uses
};

}  // namespace concordat::keyservice
