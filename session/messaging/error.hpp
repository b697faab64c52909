// Why a channel among parties or a run ended: one code per cause.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session::messaging {

enum class Errc {
  malformed = 1,
  too_large,
  unexpected_number,
  unexpected_acknowledgement,
  bad_signature,
  out_of_turn,
  bad_accusation,
  not_admitted,
  bad_group,
  bad_shape,
  protocol_failed,
  not_sealed,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "session messaging";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session::messaging
