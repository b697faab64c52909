// Why a change of the keyring, or the use of a key as it stands, was refused: stable codes that
// travel in responses.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::keyservice {

enum class KeyStateErrc {
  malformed_change = 1,
  malformed_state,
  key_unknown,
  key_exists,
  key_destroyed,
  key_disabled,
  version_unknown,
  version_destroyed,
  version_disabled,
  version_below_minimum,
  version_differs,
  material_differs,
  too_many,
  use_limit_reached,
  runs_used_up,
  uses_differ,
  uses_not_recorded,
  too_many_waiting,
  unchanged,
  generation_differs,
  log_handed_over,
};
[[nodiscard]] base::CodeInfo describe(KeyStateErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KeyStateErrc) {
  return "key_state";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KeyStateErrc e) {
  return base::enum_code(e);
}

}  // namespace concordat::keyservice
