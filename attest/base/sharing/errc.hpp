// Why shares of a secret were refused.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::base::sharing {

enum class Errc {
  not_canonical = 1,
  bad_threshold,
  zero_index,
  repeated_index,
  too_few_shares,
  bad_commitment,
  wrong_share,
};
[[nodiscard]] CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "sharing";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return enum_code(e);
}

}  // namespace concordat::base::sharing
