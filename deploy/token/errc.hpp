// Every way in which a key on a token can fail to sign.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::token {

enum class TokenErrc {
  bad_uri = 1,
  module_unusable,
  token_absent,
  several_tokens,
  pin_needed,
  pin_wrong,
  pin_locked,
  pin_not_set,
  key_not_found,
  several_keys,
  no_public_key,
  mechanism_unsupported,
  message_too_long,
  token_failed,
};
[[nodiscard]] base::CodeInfo describe(TokenErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(TokenErrc) {
  return "token";
}
[[nodiscard]] inline boost::system::error_code make_error_code(TokenErrc e) {
  return base::enum_code(e);
}

// What was named is not there, or the device does not work: nothing was judged.
[[nodiscard]] bool is_input_or_output(const base::Error& error) noexcept;

}  // namespace concordat::token
