// Public bytes: views, owned buffers, fixed-size strong types, text encodings.
// Secret bytes live in secret.hpp and never pass through these owned types.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attest/base/result.hpp"

namespace concordat::base {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

enum class EncodingErrc { bad_hex = 1, bad_base64, wrong_length };
[[nodiscard]] CodeInfo describe(EncodingErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(EncodingErrc) {
  return "encoding";
}
[[nodiscard]] inline boost::system::error_code make_error_code(EncodingErrc e) {
  return enum_code(e);
}

[[nodiscard]] inline BytesView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(BytesView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline Bytes to_bytes(BytesView view) {
  return {view.begin(), view.end()};
}
inline void append(Bytes& to, BytesView from) {
  to.insert(to.end(), from.begin(), from.end());
}
[[nodiscard]] inline bool equal(BytesView a, BytesView b) noexcept {
  return std::ranges::equal(a, b);
}
// Constant time in the contents for equal lengths; the lengths are public.
[[nodiscard]] bool equal_constant_time(BytesView a, BytesView b) noexcept;

// Lower-case hex. from_hex takes either case, no separators, even length.
[[nodiscard]] std::string to_hex(BytesView bytes);
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);
// RFC 4648 section 4, with padding. from_base64 ignores ASCII white space between characters.
[[nodiscard]] std::string to_base64(BytesView bytes);
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);
// The same without white space, into memory that is there already: the size of what `text` stands
// for (nullopt: not groups of four), and then whether it fills `out` exactly.
[[nodiscard]] std::optional<std::size_t> base64_size(std::string_view text) noexcept;
[[nodiscard]] bool decode_base64(std::string_view text, std::span<std::uint8_t> out) noexcept;

// N public bytes that mean one thing: Tag tells a nonce from a digest at compile time.
template <class Tag, std::size_t N>
class FixedBytes {
 public:
  static constexpr std::size_t kSize = N;

  constexpr FixedBytes() = default;
  explicit constexpr FixedBytes(const std::array<std::uint8_t, N>& bytes) : bytes_(bytes) {}

  // Fails with wrong_length unless `bytes` has exactly N bytes.
  [[nodiscard]] static Result<FixedBytes> from(BytesView bytes) {
    if (bytes.size() != N) {
      return Error(EncodingErrc::wrong_length,
                   "want " + std::to_string(N) + " bytes, got " + std::to_string(bytes.size()));
    }
    FixedBytes out;
    std::memcpy(out.bytes_.data(), bytes.data(), N);
    return out;
  }
  [[nodiscard]] static Result<FixedBytes> from_hex(std::string_view text) {
    CONCORDAT_TRY(const Bytes bytes, base::from_hex(text));
    return from(bytes);
  }

  [[nodiscard]] BytesView view() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, N> mutable_view() noexcept { return bytes_; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes_); }
  [[nodiscard]] bool is_zero() const noexcept {
    return std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
  }

  friend bool operator==(const FixedBytes&, const FixedBytes&) = default;
  friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using Sha256Digest = FixedBytes<struct Sha256Tag, 32>;
using Sha384Digest = FixedBytes<struct Sha384Tag, 48>;

}  // namespace concordat::base
