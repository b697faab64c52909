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

// As root the application becomes user and group 65534; it is never root. `command[0]` is a path.
[[nodiscard]] base::Result<pid_t> start_application(const std::vector<std::string>& command);

}  // namespace concordat::enclave
