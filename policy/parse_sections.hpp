// The sections of a policy file that name one another: images, roles, purposes, grants, operators
// and recovery holders. Internal to parsing.
#pragma once

#include "policy/field_reader.hpp"
#include "policy/model.hpp"
#include "policy/public_key.hpp"

namespace concordat::policy {

// The words by which a policy says that it restricts nothing, or has none of it.
inline constexpr std::string_view kAny = "any";
inline constexpr std::string_view kNone = "none";
inline constexpr std::string_view kNever = "never";

void read_sections(const json::Fields& file, json::Report& report, Model& model);

class CrossCheck;
// Images, accounts and instances of a role.
[[nodiscard]] Role read_evidence(const json::Fields& fields, json::Report& report,
                                 CrossCheck& names);
bool read_name(std::string_view name, const json::Path& path, json::Report& report);
// parse_sessions.cpp: after images and roles.
void read_sessions(const json::Value& value, const json::Path& path, json::Report& report,
                   Model& model, CrossCheck& names);
// A whole number from 1, or the word that says that there is no limit.
[[nodiscard]] std::optional<std::uint64_t> read_limit(const json::Fields& fields,
                                                      std::string_view key,
                                                      std::string_view unlimited);

// nullopt (and reported) unless RFC 3339.
[[nodiscard]] std::optional<base::UnixMillis> read_time(const json::Fields& fields,
                                                        std::string_view key);

namespace json {

// nullopt (and reported) unless N bytes in lower- or upper-case hex.
template <class Fixed>
std::optional<Fixed> read_hex_field(const Fields& fields, std::string_view key, Report& report) {
  const std::string_view text = fields.text(key, Fixed::kSize * 2);
  if (text.empty()) return std::nullopt;
  auto fixed = Fixed::from_hex(text);
  if (fixed) return *std::move(fixed);
  report.error(PolicyErrc::bad_value, fields.path(key),
               "want " + std::to_string(Fixed::kSize * 2) + " hexadecimal digits");
  return std::nullopt;
}

// The same for a public key (attest::SignerKey: Ed25519; HolderKey: X25519).
template <class Key>
std::optional<Key> read_public_key(const Fields& fields, std::string_view key, Report& report) {
  auto read = read_hex_field<Key>(fields, key, report);
  if (!read || is_public_key(*read)) return read;
  report.error(PolicyErrc::bad_value, fields.path(key),
               "no public key: nobody could have its secret");
  return std::nullopt;
}

}  // namespace json

}  // namespace concordat::policy
