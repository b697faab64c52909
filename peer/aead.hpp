// AES-256-GCM (NIST SP 800-38D) under one key, by OpenSSL. The key is scheduled once; a call costs
// the cipher alone. Not thread-safe.
#pragma once

#include "attest/base/openssl.hpp"
#include "attest/base/secret.hpp"

namespace concordat::peer {

class Aead {
 public:
  enum class Direction { seal, open };

  // `key`: 32 bytes. OpenSSL keeps the schedule in its own heap and cleanses it when freed.
  Aead(const base::SecretBytes& key, Direction direction);

  // Writes plaintext.size() + 16 bytes to `out`. `nonce`: 12 bytes, never twice under one key.
  // `out` may start where `plaintext` starts.
  void seal(base::BytesView nonce, base::BytesView associated, base::BytesView plaintext,
            std::span<std::uint8_t> out);

  // Writes sealed.size() - 16 bytes to `out`, or wipes them and fails with authentication_failed.
  [[nodiscard]] base::Status open(base::BytesView nonce, base::BytesView associated,
                                  base::BytesView sealed, std::span<std::uint8_t> out);

 private:
  base::CipherContextPtr context_;
};

}  // namespace concordat::peer
