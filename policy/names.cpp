#include "policy/names.hpp"

#include <algorithm>
#include <array>

#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool all_of(std::string_view text, std::string_view others) noexcept {
  return std::ranges::all_of(text, [others](char c) {
    return is_letter(c) || is_digit(c) || others.find(c) != others.npos;
  });
}

// The six parts of an ARN; the last keeps its colons. Empty parts when there are fewer.
std::array<std::string_view, 6> arn_parts(std::string_view text) noexcept {
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const std::size_t end = last ? text.size() : std::min(text.find(':'), text.size());
    parts[i] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool is_account(std::string_view text) noexcept {
  return text.size() == 12 && std::ranges::all_of(text, is_digit);
}

bool is_partition(std::string_view text) noexcept {
  return text.starts_with("aws") && all_of(text, "-");
}

// "arn:PARTITION:iam::ACCOUNT:" and anything.
bool is_iam_arn(std::string_view text) noexcept {
  const auto parts = arn_parts(text);
  return text.size() <= limits::kArnLength && parts[0] == "arn" && is_partition(parts[1]) &&
         parts[2] == "iam" && parts[3].empty() && is_account(parts[4]);
}

bool has_name(std::string_view resource, std::string_view kind) noexcept {
  return resource.starts_with(kind) && resource.size() > kind.size() &&
         all_of(resource, "/+=,.@_-");
}

std::optional<Pin> pin(std::string_view text, bool is_hashed) {
  if (is_hashed) return Pin{std::string(text), pcr_of_text(text)};
  const auto hex = PcrValue::from_hex(text);
  if (!hex || hex->is_zero()) return std::nullopt;
  return Pin{std::string(text), *hex};
}

}  // namespace

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= limits::kNameLength &&
         (is_letter(text[0]) || is_digit(text[0])) && all_of(text, "._-");
}

bool is_purpose_name(std::string_view text) noexcept {
  if (text.size() > limits::kPurposeLength) return false;
  for (;;) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view segment = text.substr(0, end);
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || is_digit(c) || c == '.' || c == '_' || c == '-';
    };
    if (segment.empty() || !std::ranges::all_of(segment, allowed)) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_protocol_name(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == text.npos || text.size() > limits::kProtocolLength) return false;
  const std::string_view version = text.substr(slash + 1);
  return is_purpose_name(text.substr(0, slash)) && !version.empty() && version.size() <= 4 &&
         version[0] != '0' && std::ranges::all_of(version, is_digit);
}

bool is_role_arn(std::string_view text) noexcept {
  return is_iam_arn(text) && has_name(arn_parts(text)[5], "role/");
}

bool is_user_arn(std::string_view text) noexcept {
  return is_iam_arn(text) && has_name(arn_parts(text)[5], "user/");
}

bool is_account_arn(std::string_view text) noexcept {
  return is_iam_arn(text) && arn_parts(text)[5] == "root";
}

std::string_view account_of_arn(std::string_view text) noexcept {
  return arn_parts(text)[4];
}

bool is_instance_id(std::string_view text) noexcept {
  return (text.size() == 10 || text.size() == 19) && text.starts_with("i-") &&
         std::ranges::all_of(text.substr(2),
                             [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::optional<Pin> account_pin(std::string_view text) {
  return pin(text, is_role_arn(text));
}

std::optional<Pin> instance_pin(std::string_view text) {
  return pin(text, is_instance_id(text));
}

std::optional<Operation> operation_named(std::string_view text) noexcept {
  for (std::uint8_t number = 1; number <= kOperations; ++number) {
    const auto operation = static_cast<Operation>(number);
    if (to_string(operation) == text) return operation;
  }
  return std::nullopt;
}

}  // namespace concordat::policy
