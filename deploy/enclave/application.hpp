// The application that an agent starts beside itself: another user, no new privileges, no inherited
// descriptors but the standard three, ended with the agent.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "attest/base/result.hpp"

namespace concordat::enclave {

enum class ApplicationErrc { cannot_start = 1 };
[[nodiscard]] base::CodeInfo describe(ApplicationErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ApplicationErrc) {
  return "application";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ApplicationErrc e) {
  return base::enum_code(e);
}

// The command after "--" on an agent's command line: empty when there are no arguments at all,
// nullopt for anything else.
[[nodiscard]] std::optional<std::vector<std::string>> application_of(int argc, char** argv);

// The application's user and group where the agent is root: never root itself. An agent that is not
// root (some labs') has no other user to give, and its application is of the agent's.
inline constexpr uid_t kApplicationUser = 65534;

// `command[0]` is a path. Returns once the program runs; cannot_start names the step that failed,
// with the system's words.
[[nodiscard]] base::Result<pid_t> start_application(const std::vector<std::string>& command);

}  // namespace concordat::enclave
