// CiphertextBlob of the local KMS: AES-256-GCM under the KMS key, with the key's ARN and the
// encryption context as associated data. Opaque to clients, as AWS's is.
//
//   "CLK1" | key id, 36 characters | nonce, 12 | ciphertext | tag, 16
#pragma once

#include "attest/base/secret.hpp"
#include "deploy/lab/key_table.hpp"
#include "keyservice/kms.hpp"

namespace concordat::lab {

// What KMS encrypts under a key directly.
inline constexpr std::size_t kMaxPlaintext = 4096;

[[nodiscard]] base::Bytes seal_blob(const LabKey& key, std::string_view arn,
                                    const keyservice::EncryptionContext& context,
                                    const base::SecretBytes& plaintext);

// The id of the key that the blob says it is under: unverified. Fails with invalid_ciphertext.
[[nodiscard]] base::Result<std::string> blob_key_id(base::BytesView blob);
// Fails with incorrect_key when the blob names another key, else with invalid_ciphertext.
[[nodiscard]] base::Result<base::SecretBytes> open_blob(
    const LabKey& key, std::string_view arn, const keyservice::EncryptionContext& context,
    base::BytesView blob);

}  // namespace concordat::lab
