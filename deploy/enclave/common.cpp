#include "deploy/enclave/common.hpp"

#include <csignal>
#include <cstdio>

#include "keyservice/error.hpp"

namespace concordat::enclave {

base::Status prepare_process() {
  CONCORDAT_CHECK(base::harden_process());
  std::signal(SIGPIPE, SIG_IGN);
  return {};
}

void report_boot(const keyservice::Enclave& enclave, std::string_view role, base::Logger& log) {
  const auto& policy = enclave.policies.latest();
  log.info("booted", {{"role", role},
                      {"realm", policy->realm()},
                      {"policy_serial", policy->serial()},
                      {"policy_digest", policy->digest().hex()},
                      {"authority", policy->model().authority.hex()}});
  const auto memory = base::secret_memory_status();
  if (memory.unlocked_slabs != 0) {
    log.warn("secret_memory_not_locked", {{"slabs", memory.unlocked_slabs}});
  }
}

int exit_status(const base::Status& outcome, base::Logger& log) {
  if (outcome) return 0;
  log.error("ended", outcome.error());
  const auto& category = outcome.error().code().category();
  const std::string_view name = category.name();
  const bool refused = name == "policy" || name == "policy_signature" || name == "freshness" ||
                       name == "attest" || name == "authority" || name == "admission" ||
                       outcome.error().is(keyservice::Errc::wrong_root);
  return refused ? 2 : 1;
}

std::optional<int> only_help(int argc, char** argv, const char* help) {
  if (argc == 1) return std::nullopt;
  const bool asked =
      argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h");
  std::fputs(help, asked ? stdout : stderr);
  return asked ? 0 : 1;
}

}  // namespace concordat::enclave
