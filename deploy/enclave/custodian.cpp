#include "deploy/enclave/custodian.hpp"

#include <boost/asio/signal_set.hpp>
#include <thread>

#include "attest/base/file.hpp"
#include "deploy/enclave/common.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/enclave_runtime_io.hpp"
#include "keyservice/error.hpp"
#include "keyservice/parent_client_io.hpp"

namespace concordat::enclave {
namespace {

using base::Error;
using base::Result;
using base::Status;
using namespace keyservice;

constexpr std::size_t kMaxCertificateAuthorities = 1024 * 1024;

Result<KmsThroughRelay> open_kms(const Surroundings& surroundings) {
  CONCORDAT_TRY(const base::Bytes pem,
                base::read_file(kKmsCertificateAuthorities, kMaxCertificateAuthorities));
  CONCORDAT_TRY(TlsTrust trust, TlsTrust::from_pem(pem));
  return KmsThroughRelay(surroundings.relay, std::move(trust));
}

Status genesis(Enclave& enclave, KmsService& kms, KmsPause& pause, base::Logger& log) {
  CONCORDAT_TRY(const GenesisStatement statement, perform_genesis(enclave, kms, pause));
  log.info("genesis_done", {{"key_arn", statement.key_arn},
                            {"generation", statement.generation},
                            {"commitment", statement.commitment.hex()},
                            {"next", "concordat policy pin-root, sign, and start again"}});
  return {};
}

Status serve(const Surroundings& surroundings, Enclave& enclave, KeyServer keys, std::string role,
             base::Logger& log) {
  boost::asio::io_context io(1);
  CONCORDAT_TRY(auto listener, peer::Listener::open(io, surroundings.inbound));
  EnclaveRuntime runtime(io, enclave, surroundings.anchors, std::move(role), log);
  Custodian custodian(io, runtime.party(), runtime.nsm(), keys, log);
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  Status retired;
  const auto stop = [&] {
    custodian.stop();
    runtime.stop();
    signals.cancel();
  };
  runtime.on_policy_changed([&] {
    retired = keys.check_root(*enclave.policies.latest());
    custodian.policy_changed();
    // A root that the policy no longer pins is not kept: the next boot unseals its successor.
    if (!retired) stop();
  });
  signals.async_wait([&](boost::system::error_code error, int) {
    if (error) return;
    log.info("stopping", {{"served", custodian.counts().served},
                          {"denied", custodian.counts().denied},
                          {"refused", custodian.counts().refused}});
    stop();
  });
  runtime.start();
  custodian.serve(std::move(listener));
  log.info("serving", {{"inbound", peer::to_string(surroundings.inbound)},
                       {"generation", keys.root().generation()}});
  io.run();
  return retired;
}

Status run(const Surroundings& surroundings, base::Logger& log) {
  ParentClient parent(surroundings.relay, kParentTimeout);
  CONCORDAT_TRY(const ParentConfig config, parent.config());
  CONCORDAT_TRY(const auto enclave,
                boot_enclave(surroundings.nsm, parent, base::system_monotonic_clock));
  CONCORDAT_TRY(KmsThroughRelay kms, open_kms(surroundings));
  report_boot(*enclave, config.role, log);
  base::SystemRandom random;
  KmsPause pause{
      random, [&log](const Error& why, std::chrono::milliseconds length) {
        log.warn("kms_retry",
                 {{"code", why.name()}, {"detail", why.detail()}, {"pause_ms", length.count()}});
        std::this_thread::sleep_for(length);
      }};
  if (enclave->policies.latest()->model().current_root() == nullptr) {
    return genesis(*enclave, kms, pause, log);
  }
  CONCORDAT_TRY(Root root, unseal_root(*enclave, kms, pause));
  log.info("root_unsealed", {{"generation", root.generation()}});
  return serve(surroundings, *enclave, KeyServer(std::move(root)), config.role, log);
}

}  // namespace

int run_custodian(const Surroundings& surroundings, base::Logger& log) {
  return exit_status(run(surroundings, log), log);
}

}  // namespace concordat::enclave
