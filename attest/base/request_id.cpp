#include "attest/base/request_id.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "attest/base/bytes.hpp"

namespace concordat::base {

bool is_request_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxRequestId && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

std::string random_request_id() {
  std::array<std::uint8_t, 12> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

std::string request_id_from(std::string_view header) {
  return is_request_id(header) ? std::string(header) : random_request_id();
}

}  // namespace concordat::base
