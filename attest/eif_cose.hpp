// How an EIF's signature is made and read: COSE_Sign1 (RFC 9052) over PCR0, by an ECDSA key. For
// the files eif_*.cpp.
#pragma once

#include <openssl/ec.h>
#include <openssl/objects.h>

#include <algorithm>
#include <array>

#include "attest/base/cbor.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::attest::eif_cose {

// RFC 9053 section 2.1, as nitro-cli uses it: each hash with the curve of its size.
struct Algorithm {
  std::int64_t cose = 0;
  int curve = NID_undef;
  const EVP_MD* (*hash)() = nullptr;
  std::size_t signature_size = 0;
};
inline constexpr std::array<Algorithm, 3> kAlgorithms{{
    {-7, NID_X9_62_prime256v1, EVP_sha256, 64},
    {-35, NID_secp384r1, EVP_sha384, 96},
    {-36, NID_secp521r1, EVP_sha512, 132},
}};

// NID_undef where the key is not on a named curve.
[[nodiscard]] inline int curve_of(EVP_PKEY* key) {
  std::array<char, 64> name{};
  if (key == nullptr || EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1) {
    return NID_undef;
  }
  return OBJ_txt2nid(name.data());
}

// RFC 9052 section 4.4, with no external data.
[[nodiscard]] inline base::Bytes signed_bytes(base::BytesView protected_header,
                                              base::BytesView payload) {
  base::cbor::Writer writer;
  writer.array(4).text("Signature1").bytes(protected_header).bytes({}).bytes(payload);
  return std::move(writer).take();
}

}  // namespace concordat::attest::eif_cose
