#include "attest/base/bytes.hpp"

#include <sodium.h>

namespace concordat::base {
namespace {

constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

}  // namespace

CodeInfo describe(EncodingErrc code) noexcept {
  switch (code) {
    case EncodingErrc::bad_hex:
      return {"bad_hex", "not hexadecimal"};
    case EncodingErrc::bad_base64:
      return {"bad_base64", "not base64"};
    case EncodingErrc::wrong_length:
      return {"wrong_length", "wrong length"};
  }
  return {"unknown", "unknown encoding error"};
}

bool equal_constant_time(BytesView a, BytesView b) noexcept {
  return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string to_hex(BytesView bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes.data(), bytes.size());
  out.pop_back();
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.empty()) return Bytes{};  // libsodium must not be given a null buffer
  Bytes out(text.size() / 2);
  std::size_t written = 0;
  const char* end = nullptr;
  if (text.size() % 2 != 0 ||
      sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &written, &end) !=
          0 ||
      end != text.data() + text.size()) {
    const std::size_t at = end ? static_cast<std::size_t>(end - text.data()) : text.size();
    return Error(EncodingErrc::bad_hex, text.size() % 2 != 0
                                            ? "odd number of digits"
                                            : "at character " + std::to_string(at + 1));
  }
  return out;
}

std::string to_base64(BytesView bytes) {
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), kBase64), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), kBase64);
  out.pop_back();
  return out;
}

Result<Bytes> from_base64(std::string_view text) {
  Bytes out(text.size() / 4 * 3 + 3);
  std::size_t written = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), " \t\r\n", &written, &end,
                        kBase64) != 0 ||
      end != text.data() + text.size()) {
    const std::size_t at = end ? static_cast<std::size_t>(end - text.data()) : text.size();
    return Error(EncodingErrc::bad_base64, "at character " + std::to_string(at + 1));
  }
  out.resize(written);
  return out;
}

std::optional<std::size_t> base64_size(std::string_view text) noexcept {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  return text.size() / 4 * 3 - padding;
}

bool decode_base64(std::string_view text, std::span<std::uint8_t> out) noexcept {
  std::size_t size = 0;
  return text.empty() ? out.empty()
                      : sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr,
                                          &size, nullptr, kBase64) == 0 &&
                            size == out.size();
}

}  // namespace concordat::base
