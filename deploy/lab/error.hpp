// What can go wrong in the lab.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::lab {

enum class LabErrc {
  bad_state = 1,
  bad_name,
  bad_request,
  bad_image,
  program_unusable,
  already_running,
  no_such_enclave,
  launch_failed,
  system_call_failed,
  peer_closed,
};
[[nodiscard]] base::CodeInfo describe(LabErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(LabErrc) {
  return "lab";
}
[[nodiscard]] inline boost::system::error_code make_error_code(LabErrc e) {
  return base::enum_code(e);
}

// system_call_failed with errno's text: "WHAT: No such file or directory".
[[nodiscard]] base::Error system_error(std::string_view what);

}  // namespace concordat::lab
