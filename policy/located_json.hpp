// Strict JSON with the place of every value, for files whose mistakes people must find again.
// base/json.hpp serves configuration; a policy wants line and column for every finding, the order
// of the author's entries, and a megabyte read in a few passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/finding.hpp"

namespace concordat::policy::json {

enum class Kind : std::uint8_t { null, boolean, integer, other_number, text, array, object };
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

struct Member;

struct Value {
  Kind kind = Kind::null;
  bool boolean = false;
  std::size_t offset = 0;       // of its first byte
  std::uint64_t integer = 0;    // Kind::integer: whole and not negative
  std::string text;             // Kind::text
  std::vector<Value> items;     // Kind::array
  std::vector<Member> members;  // Kind::object, in the file's order, keys distinct

  [[nodiscard]] const Value* find(std::string_view key) const noexcept;
};

struct Member {
  std::string key;
  std::size_t key_offset = 0;
  Value value;
};

struct Bounds {
  std::size_t bytes;
  unsigned depth;
  std::size_t values;
};

struct Parsed {
  std::optional<Value> root;
  Finding why;  // when there is no root
};

// RFC 8259 in UTF-8 without byte order mark, one value, no repeated key, nothing after it.
[[nodiscard]] Parsed parse(std::string_view text, const Bounds& bounds);

// Line and column (in characters) of a byte.
void locate(std::string_view text, std::size_t offset, Finding& finding) noexcept;
// Resolves finding.pointer in `root`; a pointer that leads nowhere stays where it left the tree.
void locate(std::string_view text, const Value& root, Finding& finding);

}  // namespace concordat::policy::json
