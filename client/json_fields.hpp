// The members of one JSON object, read without a secret ever leaving guarded memory: the text is
// parsed where it lies, strings are copied into guarded memory only. Members of objects inside are
// named with dots ("error.code"); what is inside arrays is passed over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "attest/base/secret.hpp"
#include "client/error.hpp"

namespace concordat::client {

inline constexpr std::size_t kMaxJsonMembers = 64;
inline constexpr std::size_t kMaxJsonDepth = 8;

// Every error is malformed_json and names the member.
class JsonFields {
 public:
  // RFC 8259, one object, no member twice.
  [[nodiscard]] static Result<JsonFields> parse(const base::SecretBytes& text);

  [[nodiscard]] bool has(std::string_view name) const { return fields_.contains(name); }
  // Public strings, numbers without sign or fraction, booleans.
  [[nodiscard]] Result<std::string> text(std::string_view name) const;
  [[nodiscard]] Result<std::uint64_t> number(std::string_view name) const;
  [[nodiscard]] Result<bool> flag(std::string_view name) const;
  // RFC 4648 section 4, with padding and nothing between.
  [[nodiscard]] Result<base::Bytes> bytes(std::string_view name) const;
  // The same, straight into guarded memory.
  [[nodiscard]] Result<base::SecretBytes> secret(std::string_view name) const;
  // A string that is itself a secret. Refused where it was written with escapes, which the parser
  // would undo in ordinary memory.
  [[nodiscard]] Result<base::SecretBytes> secret_text(std::string_view name) const;

 private:
  class Handler;
  struct Text {
    base::SecretBytes bytes;
    bool escaped = false;
  };
  struct Other {};  // null, an array, a number that is not one of ours
  using Value = std::variant<Other, Text, std::uint64_t, bool>;

  [[nodiscard]] Result<const Text*> find_text(std::string_view name) const;
  std::map<std::string, Value, std::less<>> fields_;
};

}  // namespace concordat::client
