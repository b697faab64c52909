#include "deploy/cli/token_options.hpp"

#include "deploy/cli/passphrase.hpp"
#include "deploy/token/errc.hpp"
#include "policy/finding.hpp"

namespace concordat::cli {

using base::Error;
using token::TokenErrc;

void add_module(Command command, std::string& module) {
  command
      .add_option("--module", module,
                  "The token's PKCS#11 module, such as /usr/lib/softhsm/libsofthsm2.so")
      .type_name("FILE");
}

void add_token_access(Command command, TokenOptions& options) {
  add_module(command, options.module);
  command.add_option("--pin-fd", options.pin_fd, "Read the token's PIN from this file descriptor")
      .type_name("N");
}

std::string check_token_uri(const std::string& text) {
  const auto uri = token::Uri::parse(text);
  return uri ? std::string() : uri.error().to_string();
}

base::Result<TokenChoice> choose_token(const TokenOptions& options) {
  CONCORDAT_TRY(token::Uri uri, token::Uri::parse(options.uri));
  if (uri.module_path && !options.module.empty()) {
    return Error(TokenErrc::bad_uri, "name the module once: by --module or by module-path");
  }
  std::string module = uri.module_path.value_or(options.module);
  if (module.empty()) {
    return Error(TokenErrc::bad_uri, "name the token's module: by --module or by module-path");
  }
  return TokenChoice{std::move(uri), std::move(module)};
}

token::AskPin pin_source(const TokenOptions& options) {
  return
      [fd = options.pin_fd](const token::PinRequest& request) -> base::Result<base::SecretBytes> {
        if (fd) return read_passphrase(*fd, "PIN");
        const std::string token = policy::quote(request.token);
        if (!can_ask()) return Error(TokenErrc::pin_needed, "token " + token + ": give --pin-fd");
        return ask_passphrase(("PIN of token " + token +
                               (request.last_try ? " (the last try before it locks): " : ": "))
                                  .c_str());
      };
}

}  // namespace concordat::cli
