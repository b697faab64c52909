// The key pair that KMS encrypts to: RSA-2048 with e = 65537, one for each KMS call, never stored.
// KMS takes no other size (aws-nitro-enclaves-sdk-c, docs/kms-apis/RecipientRequest.md).
#pragma once

#include "attest/base/openssl.hpp"

namespace concordat::keyservice {

class RecipientKey {
 public:
  // Some 100 ms. The private numbers live in OpenSSL's secure heap (locked, wiped on release),
  // which the first call sets up for the process.
  [[nodiscard]] static base::Result<RecipientKey> generate();
  // An RSA-2048 private key, PKCS#8 or PKCS#1 DER: for vectors. Fails with bad_key.
  [[nodiscard]] static base::Result<RecipientKey> from_private_der(base::BytesView der);

  // SubjectPublicKeyInfo, 294 bytes: the attestation document's public_key.
  [[nodiscard]] base::BytesView public_key_der() const noexcept { return public_key_; }
  // SHA-256 of it: how KMS names the recipient in its reply.
  [[nodiscard]] base::Sha256Digest key_identifier() const;
  [[nodiscard]] EVP_PKEY* handle() const noexcept { return key_.get(); }

 private:
  RecipientKey(base::PkeyPtr key, base::Bytes public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}
  [[nodiscard]] static base::Result<RecipientKey> from(base::PkeyPtr key);

  base::PkeyPtr key_;
  base::Bytes public_key_;
};

}  // namespace concordat::keyservice
