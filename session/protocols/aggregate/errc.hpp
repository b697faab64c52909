// Why a peer's message, or what all together sent, was refused.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session::aggregate {

enum class Errc {
  bad_parties = 1,
  wrong_size,
  not_canonical,
  not_as_committed,
  impossible_total,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "aggregate";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session::aggregate
