#include "deploy/token/errc.hpp"

#include <algorithm>
#include <array>

namespace concordat::token {

base::CodeInfo describe(TokenErrc code) noexcept {
  switch (code) {
    case TokenErrc::bad_uri:
      return {"bad_token_uri", "not a PKCS#11 URI that can name a signer's key"};
    case TokenErrc::module_unusable:
      return {"module_unusable", "the PKCS#11 module cannot be used"};
    case TokenErrc::token_absent:
      return {"token_absent", "the token is not there"};
    case TokenErrc::several_tokens:
      return {"several_tokens", "more than one token matches"};
    case TokenErrc::pin_needed:
      return {"pin_needed", "the token wants its PIN"};
    case TokenErrc::pin_wrong:
      return {"pin_wrong", "the token does not accept the PIN"};
    case TokenErrc::pin_locked:
      return {"pin_locked", "the token's PIN is locked"};
    case TokenErrc::pin_not_set:
      return {"pin_not_set", "the token has no user PIN yet"};
    case TokenErrc::key_not_found:
      return {"token_key_not_found", "the token holds no such key"};
    case TokenErrc::several_keys:
      return {"several_token_keys", "more than one key of the token matches"};
    case TokenErrc::no_public_key:
      return {"token_no_public_key", "the token does not show the public key"};
    case TokenErrc::mechanism_unsupported:
      return {"mechanism_unsupported", "the token does not sign with Ed25519 (CKM_EDDSA)"};
    case TokenErrc::message_too_long:
      return {"message_too_long", "the token does not sign so long a message"};
    case TokenErrc::token_failed:
      return {"token_failed", "the token failed"};
  }
  return {"unknown", "unknown token error"};
}

bool is_input_or_output(const base::Error& error) noexcept {
  constexpr std::array kCodes{TokenErrc::bad_uri,       TokenErrc::module_unusable,
                              TokenErrc::token_absent,  TokenErrc::several_tokens,
                              TokenErrc::key_not_found, TokenErrc::several_keys,
                              TokenErrc::token_failed};
  return std::ranges::any_of(kCodes, [&](TokenErrc code) { return error.is(code); });
}

}  // namespace concordat::token
