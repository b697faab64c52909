#include "deploy/enclave/custodian.hpp"

#include <boost/asio/signal_set.hpp>
#include <thread>

#include "attest/base/file.hpp"
#include "deploy/enclave/common.hpp"
#include "keyservice/announced_io.hpp"
#include "keyservice/audit_keeper_io.hpp"
#include "keyservice/audit_records.hpp"
#include "keyservice/boot.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/custody_keeper_io.hpp"
#include "keyservice/enclave_names.hpp"
#include "keyservice/parent_client_io.hpp"
#include "keyservice/parent_http_io.hpp"
#include "keyservice/parent_journal_store_io.hpp"
#include "keyservice/parent_store.hpp"
#include "keyservice/recovery_io.hpp"
#include "keyservice/replicas_io.hpp"
#include "keyservice/report_sender_io.hpp"
#include "keyservice/root_keeper_io.hpp"
#include "keyservice/root_maker_io.hpp"
#include "keyservice/serve_io.hpp"

namespace concordat::enclave {
namespace {

using base::Error;
using base::Result;
using base::Status;
using namespace keyservice;

// One call of the parent's store, which answers from its own disk or from etcd beside it.
constexpr std::chrono::milliseconds kStoreTimeout = std::chrono::seconds(5);
constexpr std::size_t kMaxCertificateAuthorities = 1024 * 1024;

Result<KmsThroughRelay> open_kms(const Surroundings& surroundings) {
  CONCORDAT_TRY(const base::Bytes pem,
                base::read_file(surroundings.kms_authorities, kMaxCertificateAuthorities));
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

// A serving custodian and what ends it.
class Service {
 public:
  Service(const Surroundings& surroundings, Enclave& enclave, KmsService& kms,
          const ParentConfig& config, std::vector<std::string> others, EnclaveFacts facts,
          base::Logger& log)
      : surroundings_(surroundings),
        log_(log),
        runtime_(io_, enclave, surroundings.anchors, surroundings.relay, config.role, log),
        store_(io_, surroundings.relay, kStoreTimeout),
        custody_(store_, *runtime_.party().random),
        root_keeper_(runtime_, enclave, kms, custody_, log),
        root_maker_(runtime_, enclave, kms, log),
        custody_keeper_(io_, custody_, runtime_.party(), log),
        audit_keeper_(
            io_, runtime_.party(), runtime_.nsm(), custody_,
            [this, name = config.enclave] { return audit_store(name); }, config.enclave, log),
        recovery_(custody_, enclave.policies.authority(),
                  recovery_ways(runtime_, root_keeper_, log)),
        custodian_(runtime_.party(), runtime_.nsm(), custody_, audit_keeper_.trail(), log),
        replicas_(io_, runtime_.party(), runtime_.nsm(), custody_, log,
                  {surroundings.relay, std::move(others)},
                  [this](const VouchedHead& seen, const std::string& custodian) {
                    custodian_.take_seen(seen, custodian);
                  }),
        announced_(io_, surroundings.relay, config.enclave,
                   [this](const std::vector<std::string>& names) { replicas_.know(names); }),
        reports_(io_, surroundings.relay, [this] { return custodian_.report(); }),
        signals_(io_, SIGTERM, SIGINT) {
    custodian_.serve_operators(
        {std::move(facts), [&enclave] { return enclave.clock.anchored_at(); }, &recovery_,
         [this](const GenesisChallenge& challenge, policy::PolicyPtr policy, RootMaker::Done done) {
           root_maker_.make(challenge, std::move(policy), std::move(done));
         }});
    custodian_.on_report([this] { reports_.changed(); });
    runtime_.on_policy_changed([this] {
      custodian_.policy_changed();
      audit_keeper_.policy_changed();
      replicas_.policy_changed();
      root_keeper_.policy_changed();
      audit_keeper_.root_changed();  // behind the channels that ended: none waits for an entry
    });
    runtime_.on_standing([this](const Status& standing) {
      if (!standing) {
        custodian_.policy_lapsed(standing.error());
        replicas_.policy_lapsed(standing.error());
      }
      root_keeper_.standing_changed(standing);
    });
    root_keeper_.on_wiped([this] { audit_keeper_.stop(); });
    audit_keeper_.read_genesis_with([this](std::uint32_t generation,
                                           std::function<void(base::Bytes)> done) {
      async_parent_call(io_, surroundings_.relay, store_get(genesis_document_name(generation)),
                        kStoreTimeout, [done = std::move(done)](const Result<HttpReply>& reply) {
                          const auto found = reply ? read_store_get(*reply) : reply.error();
                          done(found && *found ? **found : base::Bytes());
                        });
    });
    audit_keeper_.on_open([this] { custodian_.audit_opened(); });
    custody_keeper_.record_with(audit_keeper_.trail());
    root_keeper_.ask_first([this](const policy::RootGeneration& pinned, RootKeeper::OnRoot done) {
      replicas_.fetch_root(pinned, std::move(done));
    });
    root_keeper_.on_root([this] {
      recovery_.root_is_here(*runtime_.party().policies->latest());
      replicas_.root_ready();
      audit_keeper_.root_changed();
      custody_keeper_.start();
    });
    replicas_.on_tick([this] {
      custodian_.tell_custodians();
      custodian_.look_at_serving();
    });
    // A root that the policy no longer pins is not kept: the next boot unseals its successor.
    root_keeper_.on_contradiction([this](const Error& why) {
      outcome_ = why;
      stop();
    });
  }

  // `announced`: who is to be asked for the root first of all.
  Status run(const std::vector<std::string>& announced) {
    CONCORDAT_TRY(auto listener, peer::Listener::open(io_, surroundings_.inbound));
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      log_.info("stopping", {{"served", custodian_.counts().served},
                             {"denied", custodian_.counts().denied},
                             {"refused", custodian_.counts().refused}});
      stop();
    });
    runtime_.start();
    replicas_.know(announced);
    replicas_.start();
    announced_.start();
    if (runtime_.standing()) root_keeper_.standing_changed({});
    custodian_.serve(std::move(listener));
    log_.info("serving", {{"inbound", peer::to_string(surroundings_.inbound)}});
    run_despite_shortage(io_, log_);
    return outcome_;
  }

 private:
  std::unique_ptr<audit::Store> audit_store(const std::string& custodian) {
    return std::make_unique<AuditRecords>(
        [line = ParentLine(io_, surroundings_.relay, kStoreTimeout)](HttpRequest request,
                                                                     AuditRecords::OnReply done) {
          line.call(std::move(request), std::move(done));
        },
        custodian);
  }
  void stop() {
    custodian_.stop();
    reports_.stop();
    announced_.stop();
    replicas_.stop();
    root_keeper_.stop();
    custody_keeper_.stop();
    audit_keeper_.end();
    runtime_.stop();
    signals_.cancel();
  }

  const Surroundings& surroundings_;
  base::Logger& log_;
  boost::asio::io_context io_{1};
  EnclaveRuntime runtime_;
  ParentJournalStore store_;
  Custody custody_;  // without a root until its keeper has one
  RootKeeper root_keeper_;
  RootMaker root_maker_;
  CustodyKeeper custody_keeper_;
  AuditKeeper audit_keeper_;
  recovery::Desk recovery_;
  Custodian custodian_;
  Replicas replicas_;
  Announced announced_;
  ReportSender reports_;
  boost::asio::signal_set signals_;
  Status outcome_;
};

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
  CONCORDAT_TRY(EnclaveFacts facts, read_facts(enclave->nsm, CONCORDAT_VERSION));
  std::vector<std::string> others;
  if (const std::string named = config.setting("custodians", ""); !named.empty()) {
    CONCORDAT_TRY(others, parse_enclave_names("custodians", named));
  }
  const auto announced = parent.announced(config.enclave);
  if (!announced) log.warn("custodians_not_told", {{"code", announced.error().name()}});
  return Service(surroundings, *enclave, kms, config, std::move(others), std::move(facts), log)
      .run(announced ? *announced : std::vector<std::string>());
}

}  // namespace

int run_custodian(const Surroundings& surroundings, base::Logger& log) {
  return exit_status(run(surroundings, log), log);
}

}  // namespace concordat::enclave
