// Maps with text keys read by name: any key order, unknown entries passed over (as serde reads them
// by default), a field that is missing or comes twice is an error.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "attest/base/cbor.hpp"

namespace concordat::base::cbor {

inline constexpr std::size_t kMaxFieldEntries = 32;  // unknown ones included
inline constexpr std::size_t kMaxFieldName = 64;
inline constexpr unsigned kMaxUnknownDepth = 8;

// One field: its key, and `Status read(Reader&)` which takes its value.
template <class Read>
struct Field {
  std::string_view name;
  Read read;
  bool required = true;
  bool seen = false;
};
template <class Read>
Field(std::string_view, Read) -> Field<Read>;
template <class Read>
Field(std::string_view, Read, bool) -> Field<Read>;

// True when `key` was this field's and its value was read.
template <class Read>
[[nodiscard]] Result<bool> read_if_named(Reader& reader, std::string_view key, Field<Read>& field) {
  if (key != field.name) return false;
  if (field.seen) return Error(Errc::duplicate_key, std::string(field.name) + ": comes twice");
  field.seen = true;
  CONCORDAT_CHECK(field.read(reader));
  return true;
}

template <class... Reads>
[[nodiscard]] Status read_fields(Reader& reader, Field<Reads>... fields) {
  const auto read_entry = [&](std::string_view key) -> Status {
    Result<bool> taken = false;
    const auto offer = [&](auto& field) {
      if (taken && !*taken) taken = read_if_named(reader, key, field);
    };
    (offer(fields), ...);
    CONCORDAT_TRY(const bool known, std::move(taken));
    return known ? Status() : reader.skip(kMaxUnknownDepth);
  };
  CONCORDAT_CHECK(for_each_entry(
      reader, kMaxFieldEntries, [](Reader& r) { return r.read_text(kMaxFieldName); }, read_entry));
  Status missing;
  const auto require = [&](const auto& field) {
    if (field.required && !field.seen && missing) {
      missing = Error(Errc::missing_key, std::string(field.name) + ": absent");
    }
  };
  (require(fields), ...);
  return missing;
}

}  // namespace concordat::base::cbor
