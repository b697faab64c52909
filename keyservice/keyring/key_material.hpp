// The bytes of keys: made, taken in, checked, given out, and as an operation works with them.
#pragma once

#include "attest/base/random.hpp"
#include "keyservice/keyring/key_types.hpp"
#include "keyservice/root.hpp"

namespace concordat::keyservice {

// Material of a new key. other_key_type for derived ones, which have none.
[[nodiscard]] base::Result<base::SecretBytes> generate(KeyType type, base::RandomSource& random);

// Raw bytes as key_types.hpp describes them; see pkcs8.hpp for keys in files. bad_key_material
// with the reason for another size, zeros, or a scalar out of its range.
[[nodiscard]] base::Result<base::SecretBytes> import_raw(KeyType type, base::SecretBytes bytes);
[[nodiscard]] base::Status check_material(KeyType type, const base::SecretBytes& material);

// What `get` gives: the material of an exportable key; of a derived one, the key of its use
// KeyUse::secret.
[[nodiscard]] base::Result<base::SecretBytes> get(const KeyInUse& key);

// What an operation works with: the material, or a derived key's key for this use.
[[nodiscard]] base::Result<base::SecretBytes> bytes_for(const KeyInUse& key, KeyUse use);

}  // namespace concordat::keyservice
