// Files of signers' keys: secret ones as an option of a command, public ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/command_line/command_line.hpp"
#include "policy/holder_key.hpp"
#include "policy/signer_key.hpp"

namespace concordat::cli {

struct KeyFile {
  std::string path;
  std::optional<int> passphrase_fd;
};
// --key (required) and --passphrase-fd.
void add_key_options(command_line::Command command, KeyFile& file, const std::string& what);
// cannot_read for a file that others can read too. Asks for a passphrase only where there is a
// terminal.
[[nodiscard]] base::Result<policy::SigningKey> open_key(const KeyFile& file);
// The same of a recovery holder's key.
[[nodiscard]] base::Result<base::hpke::PrivateKey> open_holder_key(const KeyFile& file);
// For a new key: from the descriptor, or asked for where there is a terminal. nullopt: the key
// shall not be sealed.
[[nodiscard]] base::Result<std::optional<base::SecretBytes>> choose_passphrase(
    const std::optional<int>& passphrase_fd);

// cannot_write when there is such a file already, with `why` it is kept.
[[nodiscard]] base::Status must_be_new(const std::string& path, std::string_view why);
inline constexpr std::string_view kKeysStay = "a key is never overwritten";

[[nodiscard]] base::Status write_public_key_file(const std::string& path,
                                                 const policy::SignerKey& key);
// A public key file as `keygen` writes it; errors name the file.
[[nodiscard]] base::Result<policy::SignerKey> read_public_key_file(const std::string& path);
// In the order of `paths`; an error names its file.
[[nodiscard]] base::Result<std::vector<policy::SignerKey>> read_public_key_files(
    const std::vector<std::string>& paths);

}  // namespace concordat::cli
