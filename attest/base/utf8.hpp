// Well-formed UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing beyond U+10FFFF.
#pragma once

#include <optional>

#include "attest/base/bytes.hpp"

namespace concordat::base {

// Where the first byte stands that begins no character; nullopt: there is none.
[[nodiscard]] std::optional<std::size_t> find_not_utf8(BytesView text) noexcept;
[[nodiscard]] inline bool is_utf8(BytesView text) noexcept {
  return !find_not_utf8(text);
}

}  // namespace concordat::base
