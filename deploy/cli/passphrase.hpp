// Passphrases of signers' keys and PINs of tokens: from a file descriptor, or typed where there is
// a terminal.
#pragma once

#include <string_view>

#include "attest/base/secret.hpp"

namespace concordat::cli {

// The first line, or all there is up to the end; at most policy::kMaxPassphrase bytes. cannot_read
// when there is no such descriptor; too_large. Errors call it `what`.
[[nodiscard]] base::Result<base::SecretBytes> read_passphrase(int fd,
                                                              std::string_view what = "passphrase");

// Standard input is a terminal: only then may anybody be asked anything.
[[nodiscard]] bool can_ask() noexcept;
// Asks on the terminal, without echo. An empty line is an empty secret.
[[nodiscard]] base::Result<base::SecretBytes> ask_passphrase(const char* prompt);

}  // namespace concordat::cli
