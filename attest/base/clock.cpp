#include "attest/base/clock.hpp"

#include <charconv>
#include <cstdio>

namespace concordat::base {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Reads exactly `digits` decimal digits at `text`'s start and removes them.
Result<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return Error(TimeErrc::bad_timestamp, "too short");
  const char* end = text.data() + digits;
  if (text[0] < '0' || text[0] > '9' || std::from_chars(text.data(), end, value).ptr != end) {
    return Error(TimeErrc::bad_timestamp, "digits expected");
  }
  text.remove_prefix(digits);
  return value;
}

Status take_char(std::string_view& text, std::string_view allowed) {
  if (text.empty() || allowed.find(text[0]) == std::string_view::npos) {
    return Error(TimeErrc::bad_timestamp, "'" + std::string(1, allowed[0]) + "' expected");
  }
  text.remove_prefix(1);
  return {};
}

Result<int> take_millis(std::string_view& text) {
  if (text.empty() || text[0] != '.') return 0;
  text.remove_prefix(1);
  int value = 0;
  int scale = 100;
  std::size_t digits = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; ++digits, text.remove_prefix(1)) {
    value += (text[0] - '0') * scale;
    scale /= 10;
  }
  if (digits == 0) return Error(TimeErrc::bad_timestamp, "digits expected after '.'");
  return value;
}

Result<int> take_offset_minutes(std::string_view& text) {
  if (text == "Z" || text == "z") {
    text.remove_prefix(1);
    return 0;
  }
  const bool west = !text.empty() && text[0] == '-';
  CONCORDAT_CHECK(take_char(text, "Z+-"));
  CONCORDAT_TRY(const int hours, take_digits(text, 2));
  CONCORDAT_CHECK(take_char(text, ":"));
  CONCORDAT_TRY(const int minutes, take_digits(text, 2));
  if (hours > 23 || minutes > 59) return Error(TimeErrc::bad_timestamp, "offset out of range");
  return (west ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

UnixMillis system_wall_clock() noexcept {
  return {duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

MonotonicMillis system_monotonic_clock() noexcept {
  return {duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

CodeInfo describe(TimeErrc code) noexcept {
  switch (code) {
    case TimeErrc::bad_timestamp:
      return {"bad_timestamp", "not an RFC 3339 time such as 2026-01-15T12:00:00Z"};
  }
  return {"unknown", "unknown time error"};
}

Result<UnixMillis> parse_rfc3339(std::string_view text) {
  CONCORDAT_TRY(const int year, take_digits(text, 4));
  CONCORDAT_CHECK(take_char(text, "-"));
  CONCORDAT_TRY(const int month, take_digits(text, 2));
  CONCORDAT_CHECK(take_char(text, "-"));
  CONCORDAT_TRY(const int day, take_digits(text, 2));
  CONCORDAT_CHECK(take_char(text, "Tt "));
  CONCORDAT_TRY(const int hour, take_digits(text, 2));
  CONCORDAT_CHECK(take_char(text, ":"));
  CONCORDAT_TRY(const int minute, take_digits(text, 2));
  CONCORDAT_CHECK(take_char(text, ":"));
  CONCORDAT_TRY(const int second, take_digits(text, 2));
  CONCORDAT_TRY(const int millis, take_millis(text));
  CONCORDAT_TRY(const int offset, take_offset_minutes(text));
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!text.empty()) return Error(TimeErrc::bad_timestamp, "trailing characters");
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) {
    return Error(TimeErrc::bad_timestamp, "a field is out of range");
  }
  const std::chrono::sys_days days = date;
  const std::int64_t seconds =
      duration_cast<std::chrono::seconds>(days.time_since_epoch()).count() + hour * 3600 +
      (minute - offset) * 60 + second;
  return UnixMillis{seconds * 1000 + millis};
}

std::string format_rfc3339(UnixMillis time) {
  const std::chrono::sys_time<milliseconds> point{milliseconds(time.value)};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  char out[48];
  const int length = std::snprintf(
      out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  std::string text(out, static_cast<std::size_t>(length));
  if (const auto millis = clock.subseconds().count(); millis != 0) {
    std::snprintf(out, sizeof out, ".%03d", static_cast<int>(millis));
    text += out;
  }
  return text + "Z";
}

}  // namespace concordat::base
