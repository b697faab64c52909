// PKCS#11 URIs (RFC 7512), as far as they name a signer's key:
//   pkcs11:token=ops;object=alice;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so
// Path attributes: token, serial, manufacturer, model (of the token), object, id (of the key), and
// type where it is private or public (the key pair is meant either way). Query attribute:
// module-path. Every other attribute is refused, because passing it over would widen what matches;
// pin-value and pin-source by name, because arguments are visible to every user of the machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "attest/base/bytes.hpp"

namespace concordat::token {

inline constexpr std::size_t kMaxUri = 4096;

struct Uri {
  std::optional<std::string> token;  // label
  std::optional<std::string> serial;
  std::optional<std::string> manufacturer;
  std::optional<std::string> model;
  std::optional<std::string> object;  // CKA_LABEL
  std::optional<base::Bytes> id;      // CKA_ID
  std::optional<std::string> module_path;

  // bad_uri with what is wrong; its detail never holds the value of an attribute.
  [[nodiscard]] static base::Result<Uri> parse(std::string_view text);
  // What `parse` reads as the same.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Uri&, const Uri&) = default;
};

}  // namespace concordat::token
