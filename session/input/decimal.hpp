// Decimal text as whole numbers of its last decimal, exactly: no floating point anywhere.
#pragma once

#include "attest/base/bytes.hpp"

namespace concordat::session::input {

// 10^18 fits 63 bits.
inline constexpr unsigned kMostDecimals = 18;

// `text` times 10^decimals: "-12.5" of 2 decimals is -1250. A sign, digits, a point and an exponent
// may be there ("+1.25e-1"); zeros at either end say nothing. bad_number where it is no number, or
// has more decimals than `decimals`; out_of_range where the product does not fit. Details say
// which, and nothing of the number.
[[nodiscard]] base::Result<std::int64_t> parse_decimal(std::string_view text, unsigned decimals);

// The other way: 1250 of 2 decimals is "12.50".
[[nodiscard]] std::string format_decimal(std::int64_t value, unsigned decimals);

}  // namespace concordat::session::input
