// CKA_EC_POINT of an Ed25519 key.
#pragma once

#include "policy/signer.hpp"

namespace concordat::token {

// The 32 bytes of RFC 8032, bare (PKCS#11 3.1) or as a DER OCTET STRING (2.40 and most tokens).
// no_public_key for anything else.
[[nodiscard]] base::Result<policy::SignerKey> read_public_point(base::BytesView value);

}  // namespace concordat::token
