#include "deploy/enclave/worker.hpp"

#include <sys/wait.h>

#include <boost/asio/signal_set.hpp>

#include "deploy/enclave/agent_listeners.hpp"
#include "deploy/enclave/application.hpp"
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/session_ledger.hpp"
#include "deploy/enclave/session_sealing.hpp"
#include "keyservice/agent/agent_server_io.hpp"
#include "keyservice/agent/process_facts_io.hpp"
#include "keyservice/announced_io.hpp"
#include "keyservice/enclave_names.hpp"
#include "keyservice/enclave_runtime_io.hpp"
#include "keyservice/parent_client_io.hpp"
#include "keyservice/serve_io.hpp"
#include "session/host/service_io.hpp"

namespace concordat::enclave {
namespace {

using base::Result;
using base::Status;
using namespace keyservice;

// By which the relay knows the custodian, where the parent's configuration names none. Others are
// found as they are announced.
constexpr const char* kCustodian = "custodian";
// The setting by which an enclave takes part in sessions: "on".
constexpr const char* kSessions = "sessions";

class Worker {
 public:
  Worker(const Surroundings& surroundings, Enclave& enclave, const ParentConfig& config,
         std::vector<std::string> custodians, base::Logger& log)
      : surroundings_(surroundings),
        log_(log),
        agent_tcp_(config.setting("agent_tcp", "")),
        runtime_(io_, enclave, surroundings.anchors, surroundings.relay, config.role, log),
        link_(io_, runtime_.party(), runtime_.nsm(), log,
              {surroundings.relay, std::move(custodians)}),
        announced_(io_, surroundings.relay, config.enclave,
                   [this](const std::vector<std::string>& names) { link_.know(names); }),
        runs_({io_, *runtime_.party().random, base::system_monotonic_clock,
               [this](CountRunRequest request, CustodianRunLedger::Answered done) {
                 link_.request(std::move(request), std::move(done));
               }}),
        agent_({io_, runtime_.party(), runtime_.nsm(), link_, log,
                [this] { return runtime_.anchored_at(); }, CONCORDAT_VERSION, agent::kIdle,
                [this] { return application_user(); }}),
        ends_(io_, SIGTERM, SIGINT),
        child_(io_, SIGCHLD) {
    // Off unless asked for: an enclave that takes part in no session has no door at all.
    if (config.setting(kSessions, "") == "on") {
      sessions_.emplace(session::host::ServiceParts{
          io_, runtime_.party(), runtime_.nsm(), log, surroundings.relay, runs_,
          seal_by_custodian(link_, config.role), surroundings.deviate});
    }
    runtime_.on_policy_changed([this] {
      agent_.policy_changed();
      link_.policy_changed();
      if (sessions_) sessions_->policy_changed();
    });
    runtime_.on_standing([this](const Status& standing) {
      if (!standing && sessions_) sessions_->policy_lapsed(standing.error());
      if (standing) {
        link_.policy_usable();
        return agent_.policy_usable();
      }
      agent_.policy_lapsed();
      link_.policy_lapsed(standing.error());
    });
  }

  // The application's exit status, or 0 when asked to stop.
  Result<int> run(const std::vector<std::string>& application) {
    CONCORDAT_TRY(auto listener, listen_for_application(io_, surroundings_.agent));
    agent_.serve(std::move(listener));
    CONCORDAT_CHECK(serve_on_tcp());
    if (sessions_) {
      CONCORDAT_TRY(auto door, peer::Listener::open(io_, surroundings_.inbound));
      sessions_->serve(std::move(door));
      log_.info("sessions_on", {{"inbound", peer::to_string(surroundings_.inbound)}});
    }
    runtime_.start();
    link_.start();
    announced_.start();
    ends_.async_wait([this](boost::system::error_code error, int) {
      if (!error) stop();
    });
    if (!application.empty()) {
      watch_application();
      CONCORDAT_TRY(application_, start_application(application));
      log_.info("application_started", {{"application", application[0]}, {"pid", application_}});
    }
    log_.info("serving", {{"agent", peer::to_string(surroundings_.agent)}});
    run_despite_shortage(io_, log_);
    return exit_status_;
  }

 private:
  Status serve_on_tcp() {
    if (agent_tcp_.empty()) return {};
    CONCORDAT_TRY(auto listener, listen_on_loopback(io_, agent_tcp_));
    log_.info("agent_on_tcp", {{"endpoint", peer::to_string(listener->local())}});
    agent_.serve(std::move(listener));
    return {};
  }

  [[nodiscard]] std::optional<Result<unsigned>> application_user() const {
    if (application_ == 0) return std::nullopt;
    return agent::effective_user_of(application_);
  }

  void watch_application() {
    child_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      int status = 0;
      if (::waitpid(application_, &status, WNOHANG) != application_) return watch_application();
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
      log_.info("application_ended", {{"status", exit_status_}});
      stop();
    });
  }

  void stop() {
    log_.info("stopping", {{"handshakes", link_.handshakes()}});
    ends_.cancel();
    child_.cancel();
    if (sessions_) sessions_->stop();
    runs_.stop();
    agent_.stop();
    announced_.stop();
    link_.stop();
    runtime_.stop();
  }

  const Surroundings& surroundings_;
  base::Logger& log_;
  std::string agent_tcp_;
  boost::asio::io_context io_{1};
  EnclaveRuntime runtime_;
  CustodianLink link_;
  Announced announced_;
  CustodianRunLedger runs_;
  AgentServer agent_;
  std::optional<session::host::Service> sessions_;
  boost::asio::signal_set ends_;
  boost::asio::signal_set child_;
  pid_t application_ = 0;
  int exit_status_ = 0;
};

Result<int> run(const Surroundings& surroundings, const std::vector<std::string>& application,
                base::Logger& log) {
  ParentClient parent(surroundings.relay, kParentTimeout);
  CONCORDAT_TRY(const ParentConfig config, parent.config());
  CONCORDAT_TRY(const auto enclave,
                boot_enclave(surroundings.nsm, parent, base::system_monotonic_clock));
  report_boot(*enclave, config.role, log);
  CONCORDAT_TRY(auto custodians,
                parse_enclave_names("custodians", config.setting("custodians", kCustodian)));
  return Worker(surroundings, *enclave, config, std::move(custodians), log).run(application);
}

}  // namespace

int run_worker(const Surroundings& surroundings, const std::vector<std::string>& application,
               base::Logger& log) {
  const Result<int> outcome = run(surroundings, application, log);
  return outcome ? *outcome : exit_status(outcome.error(), log);
}

}  // namespace concordat::enclave
