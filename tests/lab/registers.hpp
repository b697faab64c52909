// Registers and a beginning of time for enclaves that tests make up.
#pragma once

#include <algorithm>

#include "attest/base/clock.hpp"
#include "attest/pcr.hpp"

namespace concordat::lab {

inline constexpr base::UnixMillis kStart{1'766'678'659'346};

inline attest::PcrValue filled(std::uint8_t byte) {
  attest::PcrValue value;
  std::ranges::fill(value.mutable_view(), byte);
  return value;
}

}  // namespace concordat::lab
