#include "deploy/cli/key_file.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "attest/base/file.hpp"
#include "deploy/cli/passphrase.hpp"

namespace concordat::cli {

using base::Error;
using base::Result;
using base::SecretBytes;
using policy::SignerKey;
using policy::SigningKey;

namespace {

// A key file that others can read has signed for others, too.
base::Status must_be_private(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) {
    return Error(base::FileErrc::cannot_read, path + ": " + std::strerror(errno));
  }
  if ((file.st_mode & 077) != 0) {
    return Error(base::FileErrc::cannot_read,
                 path + ": others may read it; run: chmod 600 " + path);
  }
  return {};
}

// `decode(file, passphrase)` where the passphrase may be null.
template <class Decode>
auto open_with(const KeyFile& from, const Decode& decode)
    -> decltype(decode(std::declval<const SecretBytes&>(), nullptr)) {
  CONCORDAT_CHECK(must_be_private(from.path));
  CONCORDAT_TRY(const SecretBytes file, base::read_secret_file(from.path, policy::kMaxKeyFile));
  if (from.passphrase_fd) {
    CONCORDAT_TRY(const SecretBytes passphrase, read_passphrase(*from.passphrase_fd));
    return decode(file, &passphrase);
  }
  auto key = decode(file, nullptr);
  if (key || !key.error().is(policy::KeyFileErrc::passphrase_needed)) return key;
  if (!can_ask()) {
    return Error(policy::KeyFileErrc::passphrase_needed, from.path + ": give --passphrase-fd");
  }
  CONCORDAT_TRY(const SecretBytes passphrase, ask_passphrase("Passphrase: "));
  return decode(file, &passphrase);
}

}  // namespace

Result<SigningKey> open_key(const KeyFile& from) {
  return open_with(from, SigningKey::decode);
}

Result<base::hpke::PrivateKey> open_holder_key(const KeyFile& from) {
  return open_with(from, policy::decode_holder_key);
}

Result<std::optional<SecretBytes>> choose_passphrase(const std::optional<int>& passphrase_fd) {
  if (passphrase_fd) {
    CONCORDAT_TRY(SecretBytes passphrase, read_passphrase(*passphrase_fd));
    if (passphrase.empty()) return Error(policy::KeyFileErrc::empty_passphrase);
    return std::optional(std::move(passphrase));
  }
  if (!can_ask()) return std::optional<SecretBytes>();
  CONCORDAT_TRY(SecretBytes first, ask_passphrase("Passphrase (empty for none): "));
  if (first.empty()) return std::optional<SecretBytes>();
  CONCORDAT_TRY(const SecretBytes second, ask_passphrase("The same again: "));
  if (first != second) return Error(policy::KeyFileErrc::wrong_passphrase, "the two differ");
  return std::optional(std::move(first));
}

void add_key_options(command_line::Command command, KeyFile& file, const std::string& what) {
  command.add_option("--key", file.path, what).type_name("FILE").required();
  command
      .add_option("--passphrase-fd", file.passphrase_fd,
                  "Read the key's passphrase from this file descriptor")
      .type_name("N");
}

base::Status must_be_new(const std::string& path, std::string_view why) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return {};
  return Error(base::FileErrc::cannot_write, path + " exists already; " + std::string(why));
}

base::Status write_public_key_file(const std::string& path, const SignerKey& key) {
  return base::write_file(path, base::as_bytes(policy::encode_public_key(key)), 0644);
}

Result<SignerKey> read_public_key_file(const std::string& path) {
  CONCORDAT_TRY(const base::Bytes file, base::read_file(path, policy::kMaxKeyFile));
  auto key = policy::decode_public_key(base::as_text(file));
  if (key) return key;
  return Error(key.error().code(), path + ": " + key.error().detail());
}

Result<std::vector<SignerKey>> read_public_key_files(const std::vector<std::string>& paths) {
  std::vector<SignerKey> keys;
  for (const std::string& path : paths) {
    CONCORDAT_TRY(const SignerKey key, read_public_key_file(path));
    keys.push_back(key);
  }
  return keys;
}

}  // namespace concordat::cli
