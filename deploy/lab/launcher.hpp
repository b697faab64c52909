// Starts enclave processes, as confined as the system allows.
#pragma once

#include <filesystem>

#include "attest/base/descriptor.hpp"
#include "deploy/lab/sandbox.hpp"

namespace concordat::lab {

// What this machine allows, found by trying.
struct ConfinementReport {
  Confinement confinement = Confinement::none;
  std::string reason;  // why nothing better works; empty at the best
};

// A process in a sandbox and a handle on it that no other process can take over.
struct EnclaveProcess {
  pid_t pid = 0;
  base::Descriptor handle;  // pidfd: readable when the process has ended
};

// Makes `folder` (which must not exist) with what every sandbox has: dev, proc, tmp, and lab, which
// belongs to `owner`, with lab/app for the sockets of an application.
[[nodiscard]] base::Status make_root_folder(const std::filesystem::path& folder, uid_t owner);

// Who the enclave in slot `slot` (0 to kMaxSlots - 1) is outside: a user of its own where this
// process is root, otherwise this process's. Where it is root, in a user namespace, the next number
// is the enclave's too: its application's (inside 65534, beside the enclave's root, 0).
[[nodiscard]] uid_t outside_user(unsigned slot) noexcept;
inline constexpr unsigned kMaxSlots = 64;

// Tries each confinement in a root directory made at `scratch`, which it removes again, and raises
// this process's limit of locked memory, which its enclaves inherit, as far as allowed.
[[nodiscard]] ConfinementReport find_confinement(const std::filesystem::path& scratch);

struct LaunchRequest {
  Confinement confinement = Confinement::none;
  std::filesystem::path root;
  std::vector<std::string> command;
  unsigned slot = 0;
  int console = -1;
};
// launch_failed with the step that failed. The calling process must have one thread.
[[nodiscard]] base::Result<EnclaveProcess> launch(const LaunchRequest& request);

// Kills the process and whatever it started; the handle reports the end.
void kill_enclave(const EnclaveProcess& process, Confinement confinement);
// Collects the ended process: "exit status 2", "signal 9".
[[nodiscard]] std::string collect(const EnclaveProcess& process);

}  // namespace concordat::lab
