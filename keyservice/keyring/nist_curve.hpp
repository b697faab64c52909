// ECDSA on P-256 with SHA-256 and on P-384 with SHA-384, by OpenSSL. Scalars are big-endian and as
// long as the curve's order; points are uncompressed (SEC 1 section 2.3.3); signatures are DER.
// OpenSSL holds a scalar on its secure heap for the length of one call and wipes it there.
#pragma once

#include "attest/base/openssl.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/keyring/key_types.hpp"

namespace concordat::keyservice {

struct NistCurve {
  const char* name;         // OpenSSL's
  int nid;                  // OpenSSL's number of it
  std::size_t scalar_size;  // of a coordinate too
  const EVP_MD* (*hash)();  // what ECDSA hashes with
  std::string_view order;   // big-endian hex
};
// `type`: p256 or p384.
[[nodiscard]] const NistCurve& nist_curve(KeyType type) noexcept;

// From 1 to order - 1, in its full length; constant time in the scalar.
[[nodiscard]] bool is_scalar(const NistCurve& curve, const base::SecretBytes& scalar);
[[nodiscard]] base::Result<base::Bytes> public_point(const NistCurve& curve,
                                                     const base::SecretBytes& scalar);
// The same point uncompressed; bad_key_material unless `point` encodes one of the curve.
[[nodiscard]] base::Result<base::Bytes> uncompressed(const NistCurve& curve, base::BytesView point);

[[nodiscard]] base::Result<base::Bytes> sign_ecdsa(const NistCurve& curve,
                                                   const base::SecretBytes& scalar,
                                                   base::BytesView message);
// authentication_failed unless `signature` is the one DER encoding of a signature of `message`.
[[nodiscard]] base::Status verify_ecdsa(const NistCurve& curve, base::BytesView point,
                                        base::BytesView message, base::BytesView signature);

}  // namespace concordat::keyservice
