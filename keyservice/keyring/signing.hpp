// Signatures and macs. Both are over the message's own bytes, so that whatever knows the algorithm
// can check them (`openssl dgst -verify`, `openssl pkeyutl -verify`); the envelope around them says
// which key and version that takes.
#pragma once

#include "keyservice/keyring/envelope.hpp"

namespace concordat::keyservice {

// A key made ready for many signatures: for Ed25519 this saves half of each one's work. Outlives
// what KeyInUse points to.
class Signer {
 public:
  [[nodiscard]] static base::Result<Signer> create(const KeyInUse& key);
  // input_too_large above kMaxSignMessage.
  [[nodiscard]] base::Result<Envelope> sign(base::BytesView message) const;

 private:
  Signer() = default;

  std::string name_;
  KeyType type_ = KeyType::ed25519;
  std::uint32_t version_ = 0;
  base::SecretBytes secret_;  // as libsodium expands an Ed25519 seed; otherwise the scalar
};

// One signature: ed25519, p256, p384, and derived keys as Ed25519.
[[nodiscard]] base::Result<Envelope> sign(const KeyInUse& key, base::BytesView message);

// HMAC-SHA-256 (RFC 2104): hmac and derived keys.
[[nodiscard]] base::Result<Envelope> mac(const KeyInUse& key, base::BytesView message);

// A signature of a signing key, a mac of an hmac key, either of a derived one; macs are compared in
// constant time. authentication_failed, or check_maker's refusals.
[[nodiscard]] base::Status verify(const KeyInUse& key, const Envelope& envelope,
                                  base::BytesView message);

}  // namespace concordat::keyservice
