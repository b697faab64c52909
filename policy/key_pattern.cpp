#include "policy/key_pattern.hpp"

#include <algorithm>

#include "policy/finding.hpp"
#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

constexpr std::string_view kEverything = "*";
constexpr std::string_view kAnyBelow = "/*";

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

base::Error bad(std::string_view name, std::string_view why) {
  return base::Error(AdmissionErrc::bad_key_name, quote(name) + ": " + std::string(why));
}

}  // namespace

base::Status check_key_name(std::string_view name) {
  if (name.empty()) return bad(name, "empty");
  if (name.size() > limits::kKeyNameLength) return bad(name, "more than 128 characters");
  std::string_view rest = name;
  for (bool last = false; !last;) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    if (segment.empty()) return bad(name, "an empty segment between slashes");
    // Names become paths of HTTP requests and of the store; these two would be resolved away.
    if (segment == "." || segment == "..") return bad(name, "a segment \".\" or \"..\"");
    if (!std::ranges::all_of(segment, is_name_character)) {
      return bad(name, "want letters, digits, '.', '_', '-' and '/' between segments");
    }
    last = end == rest.size();
    if (!last) rest.remove_prefix(end + 1);
  }
  return {};
}

base::Status check_key_pattern(std::string_view pattern) {
  if (pattern == kEverything) return {};
  if (pattern.ends_with(kAnyBelow)) pattern.remove_suffix(kAnyBelow.size());
  return check_key_name(pattern);
}

bool matches(std::string_view pattern, std::string_view key_name) noexcept {
  if (pattern == kEverything) return true;
  if (!pattern.ends_with(kAnyBelow)) return pattern == key_name;
  pattern.remove_suffix(1);  // keeps the slash: "a/*" does not match "ab" nor "a/" itself
  return key_name.size() > pattern.size() && key_name.starts_with(pattern);
}

}  // namespace concordat::policy
