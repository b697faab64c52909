// What makes a process an enclave: a root directory of its own, no network but a loopback interface
// of its own, no view of other processes, another user, no capabilities over this system, nothing
// inherited.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "attest/base/result.hpp"

namespace concordat::lab {

// How much of that the system allows, best first.
enum class Confinement {
  user_namespace,  // new user, mount, process, network, IPC, host name and cgroup namespaces
  namespaces,      // the same without a user namespace: started by root, run as another user
  other_user,      // another user in a root directory of its own, but with network and processes
  none,            // started in its folder, that is all
};
[[nodiscard]] std::string_view name_of(Confinement confinement) noexcept;
// "full" for the first two, otherwise "partial".
[[nodiscard]] std::string_view isolation_of(Confinement confinement) noexcept;

// What an enclave has in its /dev. The root directory holds an empty file for each.
inline constexpr std::array<std::string_view, 5> kDevices = {"null", "zero", "full", "random",
                                                             "urandom"};

struct SandboxPlan {
  Confinement confinement = Confinement::none;
  std::string root;  // absolute path of the root directory, with dev, proc, tmp, lab
  std::vector<std::string> command;  // absolute path inside the root, then arguments; empty: only
                                     // try whether everything up to the start works
  // As seen inside the sandbox; the group has the same number. 0, in a user namespace only, is the
  // enclave's root, which keeps what it takes to start programs as another user, and nothing else.
  uid_t user = 0;
  int console = -1;  // standard output and error
};

// Called in the new process, which was cloned with the namespaces of `confinement`. Does not return
// where the program starts; otherwise says what failed ("mount /proc: Operation not permitted"),
// or success where `command` is empty. Closes every descriptor but `keep`.
[[nodiscard]] base::Status enter_sandbox(const SandboxPlan& plan, int keep);

// The flags of clone(2) for it.
[[nodiscard]] unsigned long clone_flags(Confinement confinement) noexcept;

}  // namespace concordat::lab
