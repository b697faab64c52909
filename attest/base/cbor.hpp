// Bounded CBOR (RFC 8949): a cursor over bytes that the caller keeps, driven by the schema that the
// caller expects. Nothing is allocated for what the input claims, nothing recurses, and an item of
// another type is an error at its offset; so depth and size are bounded by the caller's own code.
// libcbor decodes and encodes the item heads (its cbor_load, which builds a tree, is never used:
// five hostile bytes can make it allocate gigabytes).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "attest/base/bytes.hpp"

namespace concordat::base::cbor {

enum class Errc {
  truncated = 1,
  malformed,
  unexpected_type,
  not_preferred,
  trailing_bytes,
  too_large,
  unknown_key,
  duplicate_key,
  missing_key,
  not_utf8,
  too_deep,
};
[[nodiscard]] CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "cbor";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return enum_code(e);
}

enum class Kind { uint, negative, bytes, text, array, map, tag, boolean, null, other, brk };

// `preferred` refuses heads longer than needed and indefinite items except maps and arrays that the
// caller asked for (RFC 8949 section 4.1); `any` takes what other encoders write.
enum class Encoding { preferred, any };

class Reader {
 public:
  // Views handed out live as long as `input`.
  explicit Reader(BytesView input, Encoding encoding = Encoding::preferred) noexcept
      : input_(input), encoding_(encoding) {}

  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  // The bytes already read, for callers that sign or hash exactly what they parsed.
  [[nodiscard]] BytesView consumed_since(std::size_t start) const noexcept {
    return input_.subspan(start, offset_ - start);
  }
  [[nodiscard]] Result<Kind> peek() const;

  [[nodiscard]] Result<std::uint64_t> read_uint();
  // uint or negative integer that fits; otherwise too_large.
  [[nodiscard]] Result<std::int64_t> read_int();
  // Longer than `max` is too_large.
  [[nodiscard]] Result<BytesView> read_bytes(std::size_t max);
  [[nodiscard]] Result<std::string_view> read_text(std::size_t max);
  [[nodiscard]] Result<bool> read_bool();
  [[nodiscard]] Status read_null();
  [[nodiscard]] Result<std::uint64_t> read_tag();
  // Definite length only; a claimed count above `max` is too_large.
  [[nodiscard]] Result<std::size_t> read_array(std::size_t max);
  // nullopt: indefinite; then ask take_break() before each entry. Definite count at most `max`.
  [[nodiscard]] Result<std::optional<std::size_t>> read_map(std::size_t max);
  [[nodiscard]] Result<std::optional<std::size_t>> read_array_any(std::size_t max);
  // True and consumed when the next item is the break of an indefinite map or array.
  [[nodiscard]] Result<bool> take_break();
  // True and consumed when the next item is null.
  [[nodiscard]] Result<bool> take_null();
  // Passes over one whole item of any type, nested at most `max_depth` deep.
  [[nodiscard]] Status skip(unsigned max_depth);
  // trailing_bytes unless everything was read.
  [[nodiscard]] Status finish() const;

 private:
  struct Head {
    Kind kind = Kind::other;
    std::uint64_t value = 0;
    BytesView payload;
    bool indefinite = false;
    std::size_t size = 0;  // of the whole item for strings, of the head otherwise
  };
  [[nodiscard]] Result<Head> head() const;
  [[nodiscard]] Result<Head> expect(Kind kind, std::string_view wanted);
  [[nodiscard]] Error fail(Errc code, std::string_view what) const;

  BytesView input_;
  std::size_t offset_ = 0;
  Encoding encoding_;
};

// Calls `entry(key)` once for each entry of the map at the cursor; `entry` must read the value.
// `read_key(reader)` reads the key. At most `max` entries, definite or indefinite.
template <class ReadKey, class Entry>
[[nodiscard]] Status for_each_entry(Reader& reader, std::size_t max, ReadKey&& read_key,
                                    Entry&& entry) {
  CONCORDAT_TRY(const auto count, reader.read_map(max));
  for (std::size_t i = 0; !count || i < *count; ++i) {
    if (!count) {
      CONCORDAT_TRY(const bool done, reader.take_break());
      if (done) break;
      if (i == max) return Error(Errc::too_large, "more than " + std::to_string(max) + " entries");
    }
    CONCORDAT_TRY(const auto key, read_key(reader));
    CONCORDAT_CHECK(entry(key));
  }
  return {};
}

// The same for an array: calls `item()` once for each, which must read it.
template <class Item>
[[nodiscard]] Status for_each_item(Reader& reader, std::size_t max, Item&& item) {
  CONCORDAT_TRY(const auto count, reader.read_array_any(max));
  for (std::size_t i = 0; !count || i < *count; ++i) {
    if (!count) {
      CONCORDAT_TRY(const bool done, reader.take_break());
      if (done) break;
      if (i == max) return Error(Errc::too_large, "more than " + std::to_string(max) + " items");
    }
    CONCORDAT_CHECK(item());
  }
  return {};
}

// Appends preferred-encoding items; map and array counts are the caller's promise.
class Writer {
 public:
  Writer& uint(std::uint64_t value);
  Writer& integer(std::int64_t value);
  Writer& bytes(BytesView value);
  // The head of a byte string whose `size` bytes the caller puts behind it (a secret, for one).
  Writer& bytes_head(std::size_t size);
  Writer& text(std::string_view value);
  Writer& boolean(bool value);
  Writer& null();
  Writer& array(std::size_t count);
  Writer& map(std::size_t count);
  Writer& tag(std::uint64_t value);
  // Bytes that are CBOR already.
  Writer& raw(BytesView encoded);

  [[nodiscard]] BytesView view() const noexcept { return out_; }
  [[nodiscard]] Bytes take() && noexcept { return std::move(out_); }

 private:
  Bytes out_;
};

}  // namespace concordat::base::cbor
