// Why the key service refused or failed: stable codes that travel in responses and HTTP bodies.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::keyservice {

enum class Errc {
  malformed_request = 1,
  unknown_operation,
  message_too_large,
  not_ready,
  root_missing,
  malformed_response,
  custodian_unreachable,
  custodian_not_serving,
  refused_by_custodian,
  overloaded,
  timed_out,
  no_root_pinned,
  root_already_pinned,
  wrong_root,
  generation_not_held,
  generation_not_taken_over,
  generation_needed,
  malformed_head,
  head_forged,
  no_replica,
  out_of_memory,
  store_failed,
  parent_failed,
  bad_setting,
  run_rate_exceeded,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "keyservice";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::keyservice
