#include "keyservice/keyring/public_key.hpp"

#include <gtest/gtest.h>

#include "attest/base/openssl.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

// OpenSSL reads it, sees the same point on the same curve, and writes the same bytes.
TEST(PublicKey, IsASubjectPublicKeyInfoForOpenssl) {
  for (const auto& [type, id] :
       {std::pair(KeyType::ed25519, EVP_PKEY_ED25519), std::pair(KeyType::x25519, EVP_PKEY_X25519),
        std::pair(KeyType::p256, EVP_PKEY_EC), std::pair(KeyType::p384, EVP_PKEY_EC),
        std::pair(KeyType::derived, EVP_PKEY_ED25519)}) {
    const TestKey key(type);
    const auto made = public_key(key.in_use());
    ASSERT_TRUE(made) << to_string(type);
    const Bytes der = made->der();
    const unsigned char* at = der.data();
    const base::PkeyPtr read(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    ASSERT_TRUE(read) << to_string(type);
    EXPECT_EQ(at, der.data() + der.size());
    EXPECT_EQ(EVP_PKEY_get_base_id(read.get()), id) << to_string(type);
    unsigned char* again = nullptr;
    const int size = i2d_PUBKEY(read.get(), &again);
    ASSERT_GT(size, 0);
    EXPECT_EQ(Bytes(again, again + size), der) << to_string(type);
    OPENSSL_free(again);
  }
}

TEST(PublicKey, AsPemIsTheSameBytesInBase64) {
  const TestKey key(KeyType::ed25519);
  const PublicKey made = public_key(key.in_use()).value();
  EXPECT_EQ(made.pem(), "-----BEGIN PUBLIC KEY-----\n" + base::to_base64(made.der()) +
                            "\n-----END PUBLIC KEY-----\n");
}

// FIPS 186-4 test vectors for key pairs would say no more than these, whose points are in every
// text on the curves: SEC 2 section 2.4.2 and 2.5.1, the generator for the scalar 1.
TEST(PublicKey, OfOneIsTheGenerator) {
  Bytes one(32);
  one.back() = 1;
  EXPECT_EQ(hex(public_key(TestKey(KeyType::p256, secret(one)).in_use())->raw),
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
  one.insert(one.begin(), 16, 0);
  EXPECT_EQ(
      hex(public_key(TestKey(KeyType::p384, secret(one)).in_use())->raw),
      "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e38"
      "72760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d"
      "7a431d7c90ea0e5f");
}

}  // namespace
}  // namespace concordat::keyservice
