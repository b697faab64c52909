// What the `root` commands share: how a custodian's generations are asked for.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "deploy/cli/keys_command.hpp"
#include "keyservice/root_status.hpp"

namespace concordat::cli {

// Why a retirement is refused here, before or after custodians are asked.
enum class RetireErrc { no_custodian = 1, not_among_them, no_recovery_set, same_custodian };
[[nodiscard]] base::CodeInfo describe(RetireErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(RetireErrc) {
  return "retire";
}
[[nodiscard]] inline boost::system::error_code make_error_code(RetireErrc e) {
  return base::enum_code(e);
}

[[nodiscard]] base::Result<keyservice::RootStatus> ask_root_status(OperatorChannel& channel);
[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::RootStatus& status);
[[nodiscard]] std::string to_text(const keyservice::RootStatus& status);

// Why nothing is made, or made room for.
enum class MakeRootErrc { is_complete = 1, not_confirmed };
[[nodiscard]] base::CodeInfo describe(MakeRootErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(MakeRootErrc) {
  return "make_root";
}
[[nodiscard]] inline boost::system::error_code make_error_code(MakeRootErrc e) {
  return base::enum_code(e);
}

void add_root_make(Command root, Invocation& invocation);
void add_root_retire(Command root, Invocation& invocation);

}  // namespace concordat::cli
