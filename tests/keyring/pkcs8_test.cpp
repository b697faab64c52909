#include "keyservice/keyring/pkcs8.hpp"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "attest/base/openssl.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

// RFC 8410 section 10.3: one key without and with its public key (and an attribute).
constexpr std::string_view kShort =
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
constexpr std::string_view kLong =
    "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
    "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB"
    "Z9w7lshQhqowtrbLDFw4rXAxZuE=";
constexpr std::string_view kSeed =
    "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";

Bytes base64(std::string_view text) {
  return base::from_base64(text).value();
}

base::Result<base::SecretBytes> import(KeyType type, const Bytes& der) {
  return import_pkcs8(type, secret(der));
}

// As OpenSSL writes it: EC keys carry their public key.
Bytes pkcs8_of(const base::PkeyPtr& key) {
  using InfoPtr =
      std::unique_ptr<PKCS8_PRIV_KEY_INFO, base::OpensslDeleter<PKCS8_PRIV_KEY_INFO_free>>;
  const InfoPtr info(EVP_PKEY2PKCS8(key.get()));
  unsigned char* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

base::PkeyPtr openssl_key(KeyType type) {
  if (type == KeyType::ed25519)
    return base::PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (type == KeyType::x25519) return base::PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  return base::PkeyPtr(EVP_EC_gen(type == KeyType::p256 ? "P-256" : "P-384"));
}

constexpr KeyType kInFiles[] = {KeyType::ed25519, KeyType::x25519, KeyType::p256, KeyType::p384};

TEST(Pkcs8, TakesTheExamplesOfRfc8410) {
  EXPECT_EQ(hex(import(KeyType::ed25519, base64(kShort)).value()), kSeed);
  EXPECT_EQ(hex(import(KeyType::ed25519, base64(kLong)).value()), kSeed);
}

TEST(Pkcs8, TakesWhatOpensslMakes) {
  for (const KeyType type : kInFiles) {
    const base::PkeyPtr key = openssl_key(type);
    const auto material = import(type, pkcs8_of(key));
    ASSERT_TRUE(material) << to_string(type) << ": " << material.error().to_string();
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    EXPECT_EQ(public_key_of(type, *material)->der(), Bytes(der, der + size)) << to_string(type);
    OPENSSL_free(der);
  }
}

TEST(Pkcs8, TakesItsOwnTypeOnly) {
  for (const KeyType type : kInFiles) {
    const Bytes der = pkcs8_of(openssl_key(type));
    for (const KeyType other : kKeyTypes) {
      if (other == type) continue;
      EXPECT_EQ(refusal(import(other, der)), "other_key_type")
          << to_string(type) << " as " << to_string(other);
    }
  }
}

TEST(Pkcs8, RefusesTypesThatTheKeyringDoesNotHave) {
  for (const base::PkeyPtr& key :
       {base::PkeyPtr(EVP_RSA_gen(2048)), base::PkeyPtr(EVP_EC_gen("secp256k1")),
        base::PkeyPtr(EVP_EC_gen("P-521")),
        base::PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"))}) {
    const Bytes der = pkcs8_of(key);
    if (der.size() > kMaxPkcs8) continue;
    for (const KeyType type : kInFiles)
      EXPECT_EQ(refusal(import(type, der)), "other_key_type");
  }
}

// Another curve's parameters written out in place of its name.
TEST(Pkcs8, RefusesCurvesThatAreNotNamed) {
  const base::PkeyPtr key = openssl_key(KeyType::p256);
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "encoding", "explicit"), 1);
  EXPECT_EQ(refusal(import(KeyType::p256, pkcs8_of(key))), "bad_key_material");
}

// Where the file says the public key too, nothing but that key comes out of it.
TEST(Pkcs8, APublicKeyThatIsNotItsOwnIsRefused) {
  for (const KeyType type : {KeyType::p256, KeyType::p384}) {
    const Bytes one = pkcs8_of(openssl_key(type));
    const Bytes two = pkcs8_of(openssl_key(type));
    const std::size_t point = type == KeyType::p256 ? 65 : 97;
    Bytes mixed(one.begin(), one.end() - static_cast<std::ptrdiff_t>(point));
    mixed.insert(mixed.end(), two.end() - static_cast<std::ptrdiff_t>(point), two.end());
    const auto refused = import(type, mixed);
    EXPECT_EQ(refusal(refused), "bad_key_material");
    EXPECT_NE(refused.error().detail().find("not that of the private key"), std::string::npos);
  }
  Bytes ed25519 = base64(kLong);
  ed25519.back() ^= 1;
  EXPECT_EQ(refusal(import(KeyType::ed25519, ed25519)), "bad_key_material");
}

TEST(Pkcs8, EveryFlippedBitIsRefusedOrChangesNothing) {
  const auto flip_all = [](KeyType type, const Bytes& der) {
    const std::string whole = hex(import(type, der).value());
    for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
      Bytes flipped = der;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto found = import(type, flipped);
      ASSERT_EQ(found ? hex(*found) : whole, whole) << to_string(type) << " bit " << bit;
    }
  };
  flip_all(KeyType::p256, pkcs8_of(openssl_key(KeyType::p256)));
  flip_all(KeyType::ed25519, base64(kLong));
}

TEST(Pkcs8, EveryTruncationAndEveryAppendedByteIsRefused) {
  for (const KeyType type : kInFiles) {
    Bytes der = pkcs8_of(openssl_key(type));
    for (std::size_t size = 0; size < der.size(); ++size)
      ASSERT_EQ(refusal(import(type, Bytes(der.begin(), der.begin() + static_cast<long>(size)))),
                "bad_key_material")
          << size;
    der.push_back(0);
    EXPECT_EQ(refusal(import(type, der)), "bad_key_material");
  }
  EXPECT_EQ(refusal(import(KeyType::p256, Bytes(kMaxPkcs8 + 1, 0x30))), "bad_key_material");
}

TEST(Pkcs8, SaysThatAnEncryptedKeyIsToBeDecryptedFirst) {
  // EncryptedPrivateKeyInfo: SEQUENCE { AlgorithmIdentifier, OCTET STRING }.
  const auto refused = import(KeyType::p256, base::from_hex("300a300506032b65700401aa").value());
  EXPECT_EQ(refusal(refused), "bad_key_material");
  EXPECT_NE(refused.error().detail().find("encrypted"), std::string::npos);
}

TEST(Pkcs8, LengthsHaveOneEncoding) {
  Bytes der = base64(kShort);
  ASSERT_EQ(der[1], 0x2e);
  // 0x81 0x2e says the same in BER.
  der.insert(der.begin() + 1, 0x81);
  EXPECT_EQ(refusal(import(KeyType::ed25519, der)), "bad_key_material");
  // Indefinite length.
  der = base64(kShort);
  der[1] = 0x80;
  der.insert(der.end(), 2, 0);
  EXPECT_EQ(refusal(import(KeyType::ed25519, der)), "bad_key_material");
}

TEST(Pkcs8, SecretsHaveTheirFullSizeAndRange) {
  Bytes zero = base64(kShort);
  std::fill(zero.end() - 32, zero.end(), 0);
  EXPECT_EQ(refusal(import(KeyType::ed25519, zero)), "bad_key_material");
  Bytes shorter = base64(kShort);
  shorter.pop_back();
  for (const std::size_t at : {std::size_t{1}, std::size_t{13}, std::size_t{15}})
    --shorter[at];
  EXPECT_EQ(refusal(import(KeyType::ed25519, shorter)), "bad_key_material");
}

}  // namespace
}  // namespace concordat::keyservice
