// Ciphertexts and wrapped keys: aes256 keys and derived ones. Each message has a key of its own:
//
//   prk      = HKDF-Extract(salt, key)                  (SHA-384)
//   sealed   = AES-256-GCM(HKDF-Expand(prk, header, 32), nonce = 0, plaintext, header || bstr(aad))
//
// salt: 32 fresh random bytes; header: the envelope's bytes before its last item, salt included;
// key: the material, or the derived key's key for encryption or wrapping. Why: KEYRING.md.
#pragma once

#include "attest/base/random.hpp"
#include "keyservice/keyring/envelope.hpp"

namespace concordat::keyservice {

// `associated`: says where the ciphertext belongs; whoever decrypts must know it. input_too_large
// above kMaxPlaintext or kMaxAssociatedData.
[[nodiscard]] base::Result<Envelope> encrypt(const KeyInUse& key, base::BytesView associated,
                                             const base::SecretBytes& plaintext,
                                             base::RandomSource& random);
// authentication_failed, or check_maker's refusals.
[[nodiscard]] base::Result<base::SecretBytes> decrypt(const KeyInUse& key,
                                                      base::BytesView associated,
                                                      const Envelope& envelope);

// Bytes of the caller's: 1 to kMaxWrappedBytes.
[[nodiscard]] base::Result<Envelope> wrap_bytes(const KeyInUse& key, const base::SecretBytes& bytes,
                                                base::RandomSource& random);
// Another key's material with its name, version and type. not_exportable where `key` may be given
// out and `wrapped` may not: who gets the one would have the other.
[[nodiscard]] base::Result<Envelope> wrap_key(const KeyInUse& key, const KeyInUse& wrapped,
                                              base::RandomSource& random);

// What may be given to whoever may unwrap: the caller's bytes, or an exportable key;
// not_exportable otherwise.
[[nodiscard]] base::Result<base::SecretBytes> unwrap(const KeyInUse& key, const Envelope& envelope);
// For the keyring itself, which keeps what is not exportable: other_kind for caller's bytes.
struct UnwrappedKey {
  WrappedKey description;
  base::SecretBytes material;
};
[[nodiscard]] base::Result<UnwrappedKey> unwrap_key(const KeyInUse& key, const Envelope& envelope);

// A ciphertext or wrapped key of `from`, made anew under `to`: the same key in the same or a later
// version. What is inside never leaves guarded memory and is not given out. `associated` as at
// encryption; empty for wrapped keys.
[[nodiscard]] base::Result<Envelope> rewrap(const KeyInUse& from, const KeyInUse& to,
                                            base::BytesView associated, const Envelope& envelope,
                                            base::RandomSource& random);

}  // namespace concordat::keyservice
