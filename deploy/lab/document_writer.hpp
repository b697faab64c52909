// Writes attestation documents byte for byte as AWS's NSM has since 2025: an untagged COSE_Sign1
// (ES384) over an indefinite-length payload map with all nine keys in AWS's order.
#pragma once

#include <map>
#include <optional>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::lab {

struct DocumentFields {
  std::string module_id;
  std::string digest = "SHA384";
  base::UnixMillis timestamp;
  std::map<std::uint8_t, base::Sha384Digest> pcrs;
  base::Bytes certificate;
  std::vector<base::Bytes> cabundle;
  std::optional<base::Bytes> public_key;
  std::optional<base::Bytes> user_data;
  std::optional<base::Bytes> nonce;
};

[[nodiscard]] base::Bytes encode_payload(const DocumentFields& fields);

// COSE_Sign1 (RFC 9052 section 4.2), protected {1: -35}; the signature is r || s, 96 bytes.
[[nodiscard]] base::Result<base::Bytes> sign_document(base::BytesView payload, EVP_PKEY* p384_key);

}  // namespace concordat::lab
