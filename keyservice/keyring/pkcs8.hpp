// Private keys in unencrypted PKCS#8 (RFC 5208, and RFC 5958 with its public key), DER: what
// `openssl pkcs8 -topk8 -nocrypt -outform DER` writes. Ed25519 and X25519 (RFC 8410), P-256 and
// P-384 by name (RFC 5915); no other.
#pragma once

#include "keyservice/keyring/key_types.hpp"

namespace concordat::keyservice {

// The material, read in place. other_key_type for a key of another type than `type`, or of one that
// the keyring does not know. bad_key_material with the reason otherwise: not this format, a secret
// of another size or out of range, or a public key beside it that is not its own.
[[nodiscard]] base::Result<base::SecretBytes> import_pkcs8(KeyType type,
                                                           const base::SecretBytes& der);

}  // namespace concordat::keyservice
