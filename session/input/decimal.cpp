#include "session/input/decimal.hpp"

#include <optional>

#include "session/input/errc.hpp"

namespace concordat::session::input {
namespace {

// Larger ones make any number but 0 too large or give it too many decimals, whatever its digits
// are: a cell has fewer than that.
constexpr std::int64_t kMostExponent = 1'000'000;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// Digits without zeros at their end, which move the exponent instead.
class Digits {
 public:
  void take(char digit, bool is_decimal) noexcept {
    ++count_;
    if (is_decimal) --exponent_;
    if (digit == '0') {
      ++zeros_;
      return;
    }
    for (std::uint64_t i = 0; value_ != 0 && i < zeros_; ++i)
      times_ten();
    times_ten();
    zeros_ = 0;
    is_large_ |= __builtin_add_overflow(value_, static_cast<std::uint64_t>(digit - '0'), &value_);
  }
  void times_ten() noexcept { is_large_ |= __builtin_mul_overflow(value_, 10U, &value_); }

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool is_zero() const noexcept { return value_ == 0 && !is_large_; }
  [[nodiscard]] bool is_large() const noexcept { return is_large_; }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }
  // The number is value times 10 to this.
  [[nodiscard]] std::int64_t exponent() const noexcept {
    return exponent_ + static_cast<std::int64_t>(zeros_);
  }

 private:
  std::uint64_t value_ = 0;
  std::uint64_t zeros_ = 0;  // that came last
  std::uint64_t count_ = 0;
  std::int64_t exponent_ = 0;
  bool is_large_ = false;
};

// What follows 'e', or nullopt.
std::optional<std::int64_t> exponent_of(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::int64_t out = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    out = std::min(10 * out + (c - '0'), kMostExponent);
  }
  return is_negative ? -out : out;
}

}  // namespace

base::Result<std::int64_t> parse_decimal(std::string_view text, unsigned decimals) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  Digits digits;
  bool is_decimal = false;
  std::int64_t shift = decimals;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_digit(c)) {
      digits.take(c, is_decimal);
    } else if (c == '.' && !is_decimal) {
      is_decimal = true;
    } else if (const auto exponent = exponent_of(text.substr(i + 1));
               (c == 'e' || c == 'E') && exponent) {
      shift += *exponent;
      break;
    } else {
      return base::Error(Errc::bad_number, "not a decimal number");
    }
  }
  if (digits.empty()) return base::Error(Errc::bad_number, "not a decimal number");
  if (digits.is_zero()) return std::int64_t{0};
  shift += digits.exponent();
  if (shift < 0) {
    return base::Error(Errc::bad_number, "more than " + std::to_string(decimals) + " decimals");
  }
  std::uint64_t magnitude = digits.value();
  bool is_large = digits.is_large() || shift > 19;
  for (std::int64_t i = 0; i < shift && !is_large; ++i)
    is_large = __builtin_mul_overflow(magnitude, 10U, &magnitude);
  if (is_large || magnitude > static_cast<std::uint64_t>(INT64_MAX)) {
    return base::Error(Errc::out_of_range, "too large");
  }
  const auto value = static_cast<std::int64_t>(magnitude);
  return is_negative ? -value : value;
}

std::string format_decimal(std::int64_t value, unsigned decimals) {
  const bool is_negative = value < 0;
  std::string digits = std::to_string(is_negative ? 0 - static_cast<std::uint64_t>(value)
                                                  : static_cast<std::uint64_t>(value));
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  if (decimals > 0) digits.insert(digits.size() - decimals, 1, '.');
  return (is_negative ? "-" : "") + digits;
}

}  // namespace concordat::session::input
