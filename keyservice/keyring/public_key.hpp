// The public half of a key that has one: ed25519, p256, p384, x25519, and of a derived key the one
// that verifies its signatures (Ed25519).
#pragma once

#include "keyservice/keyring/key_types.hpp"

namespace concordat::keyservice {

// Of PublicKey::raw; 0 for types without a public half.
[[nodiscard]] constexpr std::size_t raw_public_key_size(KeyType type) noexcept {
  switch (type) {
    case KeyType::ed25519:
    case KeyType::x25519:
      return 32;
    case KeyType::p256:
      return 65;
    case KeyType::p384:
      return 97;
    case KeyType::derived:
    case KeyType::aes256:
    case KeyType::hmac:
      break;
  }
  return 0;
}
inline constexpr std::size_t kMaxRawPublicKey = raw_public_key_size(KeyType::p384);

struct PublicKey {
  KeyType type = KeyType::ed25519;  // never derived
  // 32 bytes (RFC 8032, RFC 7748), or the uncompressed point: 65 bytes on P-256, 97 on P-384.
  base::Bytes raw;

  // SubjectPublicKeyInfo (RFC 5280): RFC 8410 or RFC 5480.
  [[nodiscard]] base::Bytes der() const;
  // The same as "-----BEGIN PUBLIC KEY-----".
  [[nodiscard]] std::string pem() const;
};

// operation_not_of_key for symmetric keys.
[[nodiscard]] base::Result<PublicKey> public_key(const KeyInUse& key);
// From material that check_material passed. `type`: one with a public half, not derived.
[[nodiscard]] base::Result<PublicKey> public_key_of(KeyType type,
                                                    const base::SecretBytes& material);

}  // namespace concordat::keyservice
