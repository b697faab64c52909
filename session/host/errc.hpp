// Why a party's part in a run did not begin, or ended without a result, where the cause is none of
// forming's, messaging's or the protocol's own.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session::host {

enum class Errc {
  cancelled = 1,
  run_stopped,
  party_convicted,
  policy_refuses,
  policy_changed,
  too_many_runs,
  run_under_way,
  unknown_session,
  malformed_order,
  order_too_large,
  no_answer,
  other_role,
  run_not_counted,
  result_waiting,
  out_of_memory,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "session_host";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session::host
