// Strict JSON for files that people write and machines judge: a duplicate or unknown key, a wrong
// type and a number out of range are errors that name their place ("relay.limits.max_streams").
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "attest/base/result.hpp"

namespace concordat::base {

enum class JsonErrc {
  malformed = 1,
  duplicate_key,
  too_deep,
  unknown_key,
  missing_key,
  wrong_type,
  bad_value,
};
[[nodiscard]] CodeInfo describe(JsonErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(JsonErrc) {
  return "json";
}
[[nodiscard]] inline boost::system::error_code make_error_code(JsonErrc e) {
  return enum_code(e);
}

// What the JSON library lets pass without a word, and other readers do not: a byte order mark, and
// NUL, where it takes the text to end.
struct StrayByte {
  std::size_t offset;
  std::string_view what;  // "a NUL byte", for a message
};
// The first one in `text`. For parsers of JSON that people write and machines judge.
[[nodiscard]] std::optional<StrayByte> find_stray_byte(std::string_view text) noexcept;

// RFC 8259, UTF-8 without a byte order mark, one value, no comments. The caller bounds the size of
// `text`. An object that names a key twice is duplicate_key (RFC 8259 section 4 leaves its meaning
// open).
[[nodiscard]] Result<nlohmann::json> parse_strict_json(std::string_view text,
                                                       unsigned max_depth = 32);

// Reads one object key by key and then insists that nothing else is in it. Holds a reference: the
// value outlives the reader. Every error's detail starts with the place.
class JsonObject {
 public:
  // `place` is the path of the object in its file, empty for the outermost.
  [[nodiscard]] static Result<JsonObject> from(const nlohmann::json& value, std::string place);

  // "place.key", for messages about a value that was read.
  [[nodiscard]] std::string place_of(std::string_view key) const;
  [[nodiscard]] Error bad_value(std::string_view key, const std::string& why) const;

  // nullptr: the key is absent. The pointer lives as long as the object.
  [[nodiscard]] const nlohmann::json* find(std::string_view key);
  [[nodiscard]] Result<const nlohmann::json*> get(std::string_view key);
  [[nodiscard]] Result<std::string> get_text(std::string_view key);
  [[nodiscard]] Result<std::uint64_t> get_uint(std::string_view key, std::uint64_t min,
                                               std::uint64_t max);
  [[nodiscard]] Result<bool> get_bool(std::string_view key);
  [[nodiscard]] Result<JsonObject> get_object(std::string_view key);
  [[nodiscard]] Result<std::vector<std::string>> get_texts(std::string_view key);

  // The same for keys that may be absent.
  [[nodiscard]] Result<std::optional<std::string>> find_text(std::string_view key);
  [[nodiscard]] Result<std::uint64_t> uint_or(std::string_view key, std::uint64_t fallback,
                                              std::uint64_t min, std::uint64_t max);

  // Every key of the object, for maps from names to values; counts them all as read.
  [[nodiscard]] std::vector<std::string> keys();
  // unknown_key unless every key was read.
  [[nodiscard]] Status finish() const;

 private:
  JsonObject(const nlohmann::json& value, std::string place)
      : value_(&value), place_(std::move(place)) {}

  const nlohmann::json* value_;
  std::string place_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace concordat::base
