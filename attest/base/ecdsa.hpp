// ECDSA signatures as COSE carries them ("raw"): r || s, big-endian, each as long as the curve's
// order (RFC 9053 section 2.1). OpenSSL wants and gives DER.
#pragma once

#include "attest/base/bytes.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::base {

// Succeeds only if `raw` signs `digest` under `key`; authentication_failed otherwise. Both halves
// of a malleable pair, s and n-s, verify: a signature identifies nothing. A `raw` of odd length or
// with a zero half never verifies. `library`: the library context that `key` belongs to; null:
// OpenSSL's own.
[[nodiscard]] Status verify_ecdsa_raw(EVP_PKEY* key, BytesView digest, BytesView raw,
                                      OSSL_LIB_CTX* library = nullptr);

// `message` hashed with `hash` and signed; DER (RFC 3279 section 2.2.3).
[[nodiscard]] Result<Bytes> sign_ecdsa_der(EVP_PKEY* key, const EVP_MD* hash, BytesView message);

// `message` hashed with `hash` and signed; each half is as long as the order of `key`'s curve.
[[nodiscard]] Result<Bytes> sign_ecdsa_raw(EVP_PKEY* key, const EVP_MD* hash, BytesView message);

}  // namespace concordat::base
