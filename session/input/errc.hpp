// Why a party's own input was refused. Details name places (rows, lines, columns), never what
// stands there: that is private.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session::input {

enum class Errc {
  malformed = 1,
  too_long,
  bad_column,
  empty_cell,
  bad_number,
  out_of_range,
  outside_groups,
  too_many,
  too_few,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "session_input";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session::input
