// Time as the cores see it: handed in, never read. Wall time is milliseconds since 1970-01-01 UTC,
// as attestation documents carry it.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

#include "attest/base/result.hpp"

namespace concordat::base {

struct UnixMillis {
  std::int64_t value = 0;

  friend auto operator<=>(const UnixMillis&, const UnixMillis&) = default;
  friend constexpr UnixMillis operator+(UnixMillis t, std::chrono::milliseconds d) {
    return {t.value + d.count()};
  }
  friend constexpr UnixMillis operator-(UnixMillis t, std::chrono::milliseconds d) {
    return {t.value - d.count()};
  }
  friend constexpr std::chrono::milliseconds operator-(UnixMillis a, UnixMillis b) {
    return std::chrono::milliseconds(a.value - b.value);
  }
};

// Time since an arbitrary start that never jumps.
struct MonotonicMillis {
  std::int64_t value = 0;

  friend auto operator<=>(const MonotonicMillis&, const MonotonicMillis&) = default;
  friend constexpr MonotonicMillis operator+(MonotonicMillis t, std::chrono::milliseconds d) {
    return {t.value + d.count()};
  }
  friend constexpr std::chrono::milliseconds operator-(MonotonicMillis a, MonotonicMillis b) {
    return std::chrono::milliseconds(a.value - b.value);
  }
};

// The operating system's clocks: for programs outside enclaves and for main().
// Inside an enclave wall time comes from attest/trusted_clock.hpp only.
[[nodiscard]] UnixMillis system_wall_clock() noexcept;
[[nodiscard]] MonotonicMillis system_monotonic_clock() noexcept;

enum class TimeErrc { bad_timestamp = 1 };
[[nodiscard]] CodeInfo describe(TimeErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(TimeErrc) {
  return "time";
}
[[nodiscard]] inline boost::system::error_code make_error_code(TimeErrc e) {
  return enum_code(e);
}

// RFC 3339 with 'Z' or a numeric offset, fraction up to milliseconds ("2026-01-15T12:00:05.250Z").
[[nodiscard]] Result<UnixMillis> parse_rfc3339(std::string_view text);
// Always UTC with 'Z'; the fraction is left out when zero.
[[nodiscard]] std::string format_rfc3339(UnixMillis time);

}  // namespace concordat::base
