// Keys of recovery holders: X25519, to which shares are sealed. The secret file is a
// secret_key_file.hpp of format "concordat/recovery-key/1".
#pragma once

#include "attest/base/hpke.hpp"
#include "policy/secret_key_file.hpp"

namespace concordat::policy {

// As decode_secret_key; not_a_key_file where the public key is another's.
[[nodiscard]] base::Result<base::hpke::PrivateKey> decode_holder_key(
    const base::SecretBytes& file, const base::SecretBytes* passphrase);
[[nodiscard]] base::Result<base::SecretBytes> encode_holder_key(
    const base::hpke::PrivateKey& key, const base::SecretBytes* passphrase,
    PassphraseCost cost = PassphraseCost::moderate);

}  // namespace concordat::policy
