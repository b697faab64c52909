// A secret key file as an option of a command.
#pragma once

#include <optional>
#include <string>

#include "policy/signer_key.hpp"

namespace CLI {
class App;
}

namespace concordat::cli {

struct KeyFile {
  std::string path;
  std::optional<int> passphrase_fd;
};
// --key (required) and --passphrase-fd.
void add_key_options(CLI::App& command, KeyFile& file, const std::string& what);
// cannot_read for a file that others can read too. Asks for a passphrase only where there is a
// terminal.
[[nodiscard]] base::Result<policy::SigningKey> open_key(const KeyFile& file);

}  // namespace concordat::cli
