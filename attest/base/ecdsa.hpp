// ECDSA signatures as COSE carries them: r || s, big-endian, each as long as the curve's order
// (RFC 9053 section 2.1). OpenSSL wants and gives DER.
#pragma once

#include "attest/base/bytes.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::base {

// Succeeds only if `raw` signs `digest` under `key`; authentication_failed otherwise. Both halves
// of a malleable pair, s and n-s, verify: a signature identifies nothing. A `raw` of odd length or
// with a zero half never verifies.
[[nodiscard]] Status verify_ecdsa_raw(EVP_PKEY* key, BytesView digest, BytesView raw);

}  // namespace concordat::base
