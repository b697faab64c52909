#include "policy/finding.hpp"

#include <algorithm>

#include "attest/base/bytes.hpp"

namespace concordat::policy {
namespace {

// Cut after `max` bytes; what is not printable ASCII as \xNN, what is in `escaped` after a
// backslash.
std::string shown(std::string_view text, std::size_t max, std::string_view escaped) {
  std::string out;
  for (const char c : text.substr(0, max)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (escaped.find(c) != escaped.npos) out += '\\';
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x" + base::to_hex({&byte, 1});
    }
  }
  return out + (text.size() > max ? "..." : "");
}

}  // namespace

std::string Finding::to_string() const {
  std::string out;
  if (line != 0) out = std::to_string(line) + ":" + std::to_string(column) + " ";
  if (!pointer.empty()) out += shown_pointer() + ": ";
  return out + message;
}

std::string Finding::shown_pointer() const {
  constexpr std::size_t kMax = 512;  // longer than any that the format allows
  return shown(pointer, kMax, "");
}

base::Error Finding::to_error() const {
  return base::Error(code, to_string());
}

bool has_error(const Findings& findings) noexcept {
  return std::ranges::any_of(findings,
                             [](const Finding& f) { return f.severity == Severity::error; });
}

std::string quote(std::string_view text) {
  constexpr std::size_t kMax = 96;
  return "\"" + shown(text, kMax, "\"\\") + "\"";
}

std::string pointer_token(std::string_view key) {
  std::string out = "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace concordat::policy
