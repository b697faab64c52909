// Names of requests to the HTTP interfaces inside an enclave: the caller's, or one of ours.
#pragma once

#include <string>
#include <string_view>

namespace concordat::base {

inline constexpr std::size_t kMaxRequestId = 64;

// Harmless to repeat in logs and headers: 1 to 64 of A-Z a-z 0-9 - _ .
[[nodiscard]] bool is_request_id(std::string_view text) noexcept;
// 24 hex digits.
[[nodiscard]] std::string random_request_id();
// The caller's where it may be repeated, otherwise a fresh random one.
[[nodiscard]] std::string request_id_from(std::string_view header);

}  // namespace concordat::base
