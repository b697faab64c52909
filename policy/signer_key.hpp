// Signers' keys: Ed25519 pairs, as files and in memory.
//
// The public file is JSON: {"format": "concordat/signer-public-key/1", "key_id": hex,
// "public_key": hex}. The secret file is a secret_key_file.hpp of format "concordat/signer-key/1"
// that holds the 32-byte seed (RFC 8032).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "attest/base/secret.hpp"
#include "policy/secret_key_file.hpp"
#include "policy/signer.hpp"

namespace concordat::policy {

class SigningKey final : public Signer {
 public:
  [[nodiscard]] static SigningKey generate();
  // wrong_length unless 32 bytes.
  [[nodiscard]] static base::Result<SigningKey> from_seed(base::SecretBytes seed);

  // not_a_key_file with the reason; passphrase_needed when it is sealed and none is given;
  // wrong_passphrase also when the file was altered. A passphrase for a key that is not sealed is
  // passed over.
  [[nodiscard]] static base::Result<SigningKey> decode(const base::SecretBytes& file,
                                                       const base::SecretBytes* passphrase);
  // The secret file; sealed when a passphrase is given.
  [[nodiscard]] base::Result<base::SecretBytes> encode(
      const base::SecretBytes* passphrase, PassphraseCost cost = PassphraseCost::moderate) const;

  [[nodiscard]] const SignerKey& public_key() const noexcept override { return public_key_; }
  // Never fails.
  [[nodiscard]] base::Result<Signature> sign(base::BytesView message) const override;

 private:
  SigningKey(base::SecretBytes seed, base::SecretBytes secret_key, const SignerKey& public_key)
      : seed_(std::move(seed)), secret_key_(std::move(secret_key)), public_key_(public_key) {}

  base::SecretBytes seed_;
  base::SecretBytes secret_key_;  // as libsodium expands it
  SignerKey public_key_;
};

[[nodiscard]] std::string encode_public_key(const SignerKey& key);
// not_a_key_file with line, column and reason.
[[nodiscard]] base::Result<SignerKey> decode_public_key(std::string_view file);

}  // namespace concordat::policy
