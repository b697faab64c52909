// What the enclave programs' runs have in common.
#pragma once

#include "attest/base/log.hpp"
#include "keyservice/boot.hpp"

namespace concordat::enclave {

inline constexpr std::chrono::milliseconds kParentTimeout = std::chrono::seconds(15);

// First lines of main(): hardened process, no SIGPIPE. Returns an error that the caller reports.
[[nodiscard]] base::Status prepare_process();
// Says under which authority and policy the enclave came up, and whether secret memory is locked.
void report_boot(const keyservice::Enclave& enclave, std::string_view role, base::Logger& log);
// Logs a failure; 0 for success, 2 where policy or evidence refused, 1 otherwise.
[[nodiscard]] int exit_status(const base::Status& outcome, base::Logger& log);
// The enclave programs take no options but --help: everything that matters is measured or signed.
// Returns the exit status when the program is to end now.
[[nodiscard]] std::optional<int> only_help(int argc, char** argv, const char* help);

}  // namespace concordat::enclave
