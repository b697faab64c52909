// Files of secret keys of 32 bytes, of signers and of recovery holders. Text of its own, because a
// secret must not pass through a JSON parser's strings: between the lines
// "-----BEGIN CONCORDAT SIGNER KEY-----" and END (or whatever kind of key it is), base64 of the
// CBOR array
//   [format, public key (32), seal, secret]
// where seal is null and secret the key itself, or seal is
// [operations, memory in bytes, salt (16), nonce (24)] and secret the key in libsodium's secretbox
// (48) under argon2id13 of the passphrase.
#pragma once

#include <string_view>

#include "attest/base/secret.hpp"

namespace concordat::policy {

enum class KeyFileErrc {
  not_a_key_file = 1,
  passphrase_needed,
  wrong_passphrase,
  empty_passphrase,
  out_of_memory,
};
[[nodiscard]] base::CodeInfo describe(KeyFileErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KeyFileErrc) {
  return "key_file";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KeyFileErrc e) {
  return base::enum_code(e);
}

inline constexpr std::size_t kMaxKeyFile = 4096;
inline constexpr std::size_t kMaxPassphrase = 1024;

// What one guess of a passphrase costs: libsodium's limits for argon2id13. 64 MiB, or 256 MiB for
// keys that people keep.
enum class PassphraseCost { interactive, moderate };

// What kind of key a file holds: none is taken for another.
struct SecretKeyKind {
  std::string_view format;
  std::string_view title;  // between BEGIN and the dashes
};

struct SecretKeyFile {
  base::FixedBytes<struct SecretKeyPublicTag, 32> public_key;  // as the file says
  base::SecretBytes secret;                                    // 32 bytes
};

// not_a_key_file with the reason; passphrase_needed when it is sealed and none is given;
// wrong_passphrase also when the file was altered. A passphrase for a key that is not sealed is
// passed over.
[[nodiscard]] base::Result<SecretKeyFile> decode_secret_key(const SecretKeyKind& kind,
                                                            const base::SecretBytes& file,
                                                            const base::SecretBytes* passphrase);
// `secret`: 32 bytes; sealed when a passphrase is given.
[[nodiscard]] base::Result<base::SecretBytes> encode_secret_key(const SecretKeyKind& kind,
                                                                base::BytesView public_key,
                                                                const base::SecretBytes& secret,
                                                                const base::SecretBytes* passphrase,
                                                                PassphraseCost cost);

}  // namespace concordat::policy
