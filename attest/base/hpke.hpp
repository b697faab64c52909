// Hybrid public key encryption (RFC 9180), one suite of it and single messages: DHKEM(X25519,
// HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. A sealed message is `enc` (32 bytes) and then the
// ciphertext with its tag. Every message has an ephemeral key of its own.
//
// `info` says what the message is and is bound into its keys: it opens under the same info only.
#pragma once

#include "attest/base/secret.hpp"

namespace concordat::base::hpke {

enum class Errc { bad_key = 1, not_authentic };
[[nodiscard]] CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "hpke";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return enum_code(e);
}

inline constexpr std::size_t kKeySize = 32;
inline constexpr std::size_t kOverhead = kKeySize + 16;

using PublicKey = FixedBytes<struct HpkePublicKeyTag, kKeySize>;

class PrivateKey {
 public:
  [[nodiscard]] static PrivateKey generate();
  // bad_key unless 32 bytes.
  [[nodiscard]] static Result<PrivateKey> from_bytes(SecretBytes bytes);

  [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }
  [[nodiscard]] const SecretBytes& bytes() const noexcept { return bytes_; }

 private:
  PrivateKey(SecretBytes bytes, const PublicKey& public_key)
      : bytes_(std::move(bytes)), public_key_(public_key) {}

  SecretBytes bytes_;
  PublicKey public_key_;
};

// Mode base: whoever knows the public key can have sealed it. bad_key where that is nobody's.
[[nodiscard]] Result<Bytes> seal(const PublicKey& recipient, BytesView info,
                                 const SecretBytes& plaintext);
// not_authentic.
[[nodiscard]] Result<SecretBytes> open(const PrivateKey& recipient, BytesView info,
                                       BytesView sealed);

// Mode auth: nobody but the sender can have sealed it, and the recipient itself.
[[nodiscard]] Result<Bytes> seal_from(const PrivateKey& sender, const PublicKey& recipient,
                                      BytesView info, const SecretBytes& plaintext);
[[nodiscard]] Result<SecretBytes> open_from(const PublicKey& sender, const PrivateKey& recipient,
                                            BytesView info, BytesView sealed);

namespace detail {
// With the ephemeral key and associated data given, for the RFC's own vectors. `sender` may be null
// (mode base).
[[nodiscard]] Result<Bytes> seal_with(const PrivateKey& ephemeral, const PrivateKey* sender,
                                      const PublicKey& recipient, BytesView info,
                                      BytesView associated, const SecretBytes& plaintext);
[[nodiscard]] Result<SecretBytes> open_with(const PublicKey* sender, const PrivateKey& recipient,
                                            BytesView info, BytesView associated, BytesView sealed);
}  // namespace detail

}  // namespace concordat::base::hpke
