// Why a peer's message was refused.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session::psi_size {

enum class Errc { bad_parties = 1, wrong_size, not_an_element, not_ascending, not_as_committed };
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "psi_size";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session::psi_size
