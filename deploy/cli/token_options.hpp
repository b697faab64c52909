// The options that lead to a key on a token: --token, --module, --pin-fd.
#pragma once

#include <optional>
#include <string>

#include "deploy/cli/commands.hpp"
#include "deploy/token/token.hpp"

namespace concordat::cli {

struct TokenOptions {
  std::string uri;
  std::string module;
  std::optional<int> pin_fd;
};

inline constexpr const char* kTokenHelp =
    "Key on a PKCS#11 token, as a URI (RFC 7512): 'pkcs11:token=...;object=...'; never with a PIN, "
    "which arguments would show to every user";
void add_module(Command command, std::string& module);
// --module and --pin-fd; the command itself adds --token.
void add_token_access(Command command, TokenOptions& options);
// What --token is checked by: empty, or what is wrong with it.
[[nodiscard]] std::string check_token_uri(const std::string& text);

struct TokenChoice {
  token::Uri uri;
  std::string module;
};
// bad_token_uri unless the module is named once, by --module or in the URI.
[[nodiscard]] base::Result<TokenChoice> choose_token(const TokenOptions& options);
// Reads the PIN from --pin-fd, or asks where there is a terminal; pin_needed otherwise.
[[nodiscard]] token::AskPin pin_source(const TokenOptions& options);

}  // namespace concordat::cli
