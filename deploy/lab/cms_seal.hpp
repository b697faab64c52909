// The other side of keyservice/cms.hpp: CiphertextForRecipient in the very form that AWS KMS gives
// it. BER with indefinite lengths, EnvelopedData v2, one recipient named by the SHA-256 of its
// SubjectPublicKeyInfo, RSAES-OAEP with SHA-256, AES-256-CBC, the content one constructed [0].
#pragma once

#include "attest/base/openssl.hpp"
#include "attest/base/secret.hpp"

namespace concordat::lab {

// A DER SubjectPublicKeyInfo of an RSA-2048 key; fails with bad_key for anything else, as KMS does.
[[nodiscard]] base::Result<base::PkeyPtr> parse_recipient_public_key(base::BytesView spki);

[[nodiscard]] base::Result<base::Bytes> seal_for_recipient(base::BytesView spki,
                                                           const base::SecretBytes& plaintext);

}  // namespace concordat::lab
