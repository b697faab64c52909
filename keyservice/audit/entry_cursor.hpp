// Reads the CBOR of entries and nothing else: preferred encoding (RFC 8949 section 4.1), of
// integers, byte strings, texts, arrays and null. base::cbor::Reader reads whatever there is and
// costs three times as much, and an auditor reads millions.
//
// The first fault stays: what is read after it is empty and zero.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "attest/base/bytes.hpp"

namespace concordat::keyservice::audit {

// Of an entry's texts.
[[nodiscard]] constexpr bool is_printable(char c) noexcept {
  return c >= 0x20 && c <= 0x7e;
}

class EntryCursor {
 public:
  explicit EntryCursor(base::BytesView input) noexcept : input_(input) {}

  [[nodiscard]] bool is_good() const noexcept { return fault_ == nullptr; }
  // "at byte 17: why".
  [[nodiscard]] std::string fault() const {
    return "at byte " + std::to_string(offset_) + ": " + fault_;
  }
  void fail(const char* why) noexcept {
    if (fault_ == nullptr) fault_ = why;
    input_ = input_.first(offset_);
  }

  [[nodiscard]] std::uint64_t uint(std::uint64_t max) noexcept {
    const std::uint64_t value = head(kUint);
    if (value > max) fail("a number that is too large");
    return value;
  }
  // From 1 to `last`.
  template <class E>
  [[nodiscard]] E enumerator(E last) noexcept {
    const std::uint64_t value = uint(static_cast<std::uint64_t>(last));
    if (value == 0) fail("0 means nothing");
    return static_cast<E>(value);
  }
  // Exactly as many as `out` takes.
  void bytes(std::span<std::uint8_t> out) noexcept {
    const base::BytesView from = string(kBytes, out.size());
    if (from.size() != out.size()) return fail("a byte string of another length");
    std::ranges::copy(from, out.begin());
  }
  [[nodiscard]] std::string_view text(std::size_t max) noexcept {
    const std::string_view out = base::as_text(string(kText, max));
    unsigned strange = 0;  // counted rather than looked for: that is done many at a time
    for (const char c : out)
      strange += is_printable(c) ? 0U : 1U;
    if (strange != 0) fail("a text that is not printable ASCII");
    return out;
  }
  void array(std::size_t count) noexcept {
    if (head(kArray) != count) fail("an array of another length");
  }
  [[nodiscard]] std::size_t array_of_at_most(std::size_t max) noexcept {
    const std::uint64_t count = head(kArray);
    if (count <= max) return static_cast<std::size_t>(count);
    fail("an array that is too long");
    return 0;
  }
  [[nodiscard]] bool take_null() noexcept {
    if (offset_ == input_.size() || input_[offset_] != kNull) return false;
    ++offset_;
    return true;
  }
  void finish() noexcept {
    if (offset_ != input_.size()) fail("bytes after the entry");
  }

 private:
  // RFC 8949 section 3.1.
  enum Major : std::uint8_t { kUint = 0, kBytes = 2, kText = 3, kArray = 4 };
  static constexpr std::uint8_t kNull = 0xf6;

  // The argument of the next head, which must be of this type.
  [[nodiscard]] std::uint64_t head(Major major) noexcept {
    if (offset_ == input_.size()) {
      fail("it ends");
      return 0;
    }
    const std::uint8_t first = input_[offset_];
    if (first >> 5 != major) {
      fail("an item of another type");
      return 0;
    }
    const unsigned argument = first & 0x1fU;
    if (argument < 24) {
      ++offset_;
      return argument;
    }
    return long_argument(argument);
  }
  [[nodiscard]] std::uint64_t long_argument(unsigned argument) noexcept {
    const std::size_t size = argument > 27 ? 0 : std::size_t{1} << (argument - 24);
    if (size == 0 || input_.size() - offset_ <= size) {
      fail("an item that is cut short or of no definite length");
      return 0;
    }
    std::uint64_t value = 0;
    for (const std::uint8_t byte : input_.subspan(offset_ + 1, size))
      value = value << 8 | byte;
    const bool is_shortest = size == 1 ? value >= 24 : value >> (size * 4) != 0;
    if (!is_shortest) {
      fail("a number that is not in its shortest form");
      return 0;
    }
    offset_ += 1 + size;
    return value;
  }
  [[nodiscard]] base::BytesView string(Major major, std::size_t max) noexcept {
    const std::uint64_t size = head(major);
    if (size > max || size > input_.size() - offset_) {
      fail("a string that is too long");
      return {};
    }
    const base::BytesView out = input_.subspan(offset_, static_cast<std::size_t>(size));
    offset_ += out.size();
    return out;
  }

  base::BytesView input_;
  std::size_t offset_ = 0;
  const char* fault_ = nullptr;
};

}  // namespace concordat::keyservice::audit
