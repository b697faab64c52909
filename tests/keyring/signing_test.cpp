#include "keyservice/keyring/signing.hpp"

#include <gtest/gtest.h>

#include "keyservice/keyring/public_key.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

struct SignatureVector {
  std::string_view seed, public_key, message, signature;
};
// RFC 8032 section 7.1, tests 1 to 3.
constexpr SignatureVector kRfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519, MatchesRfc8032) {
  for (const SignatureVector& vector : kRfc8032) {
    const TestKey key(KeyType::ed25519, secret_hex(vector.seed));
    const Bytes message = base::from_hex(vector.message).value();
    const auto signature = sign(key.in_use(), message);
    ASSERT_TRUE(signature);
    EXPECT_EQ(hex(signature->body), vector.signature);
    EXPECT_EQ(hex(public_key(key.in_use())->raw), vector.public_key);
    EXPECT_TRUE(verify(key.in_use(), *signature, message));
  }
}

TEST(Ed25519, OfADerivedKeyIsItsSeedAsEver) {
  const TestKey derived(KeyType::derived, base::SecretBytes(), "payments/card-tokens");
  const TestKey seed(KeyType::ed25519,
                     test_root().derive(KeyUse::ed25519_seed, "payments/card-tokens", 1),
                     "payments/card-tokens");
  const Bytes message{1, 2, 3};
  EXPECT_EQ(*sign(derived.in_use(), message), *sign(seed.in_use(), message));
  EXPECT_EQ(public_key(derived.in_use())->der(), public_key(seed.in_use())->der());
}

struct MacVector {
  std::string_view key, message, tag;
};
// RFC 4231 section 4. HMAC fills keys up with zeros to a block of 64 bytes, so that the short keys
// of the vectors are filled up here to a size that is taken.
constexpr MacVector kRfc4231[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdc"
     "dcd"
     "cdcd",
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
};

TEST(Mac, MatchesRfc4231) {
  for (const MacVector& vector : kRfc4231) {
    for (const std::size_t size : {32U, 64U}) {
      Bytes bytes = base::from_hex(vector.key).value();
      bytes.resize(size);
      const TestKey key(KeyType::hmac, secret(bytes));
      const Bytes message = base::from_hex(vector.message).value();
      const auto tag = mac(key.in_use(), message);
      ASSERT_TRUE(tag);
      EXPECT_EQ(hex(tag->body), vector.tag);
      EXPECT_TRUE(verify(key.in_use(), *tag, message));
    }
  }
}

// Each key type that signs or makes macs, and how.
std::vector<std::pair<KeyType, EnvelopeKind>> makers() {
  return {{KeyType::derived, EnvelopeKind::signature}, {KeyType::ed25519, EnvelopeKind::signature},
          {KeyType::p256, EnvelopeKind::signature},    {KeyType::p384, EnvelopeKind::signature},
          {KeyType::derived, EnvelopeKind::mac},       {KeyType::hmac, EnvelopeKind::mac}};
}

Envelope make(EnvelopeKind kind, const KeyInUse& key, base::BytesView message) {
  return (kind == EnvelopeKind::mac ? mac(key, message) : sign(key, message)).value();
}

TEST(Verify, TakesWhatTheKeyMadeAndNothingThatWasAltered) {
  const Bytes message{1, 2, 3};
  for (const auto& [type, kind] : makers()) {
    const TestKey key(type);
    const Envelope made = make(kind, key.in_use(), message);
    EXPECT_TRUE(verify(key.in_use(), made, message)) << to_string(type);
    EXPECT_EQ(refusal(verify(key.in_use(), made, Bytes{1, 2, 4})), "authentication_failed");
    EXPECT_EQ(refusal(verify(key.in_use(), made, {})), "authentication_failed");
    for (std::size_t bit = 0; bit < made.body.size() * 8; ++bit) {
      Envelope flipped = made;
      flipped.body[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      ASSERT_EQ(refusal(verify(key.in_use(), flipped, message)), "authentication_failed")
          << to_string(type) << " bit " << bit;
    }
    Envelope longer = made;
    longer.body.push_back(0);
    if (kind == EnvelopeKind::mac) {
      EXPECT_EQ(refusal(verify(key.in_use(), longer, message)), "authentication_failed");
    }
  }
}

TEST(Verify, RefusesAnotherKeysOtherVersionsAndOtherKindsByName) {
  const Bytes message{1, 2, 3};
  for (const auto& [type, kind] : makers()) {
    const TestKey key(type);
    const Envelope made = make(kind, key.in_use(), message);
    EXPECT_EQ(refusal(verify(TestKey(type, "payments/other").in_use(), made, message)),
              "other_key");
    EXPECT_EQ(refusal(verify(TestKey(type, "payments/tokens", 2).in_use(), made, message)),
              "other_version");
    Envelope other = made;
    other.kind = EnvelopeKind::ciphertext;
    EXPECT_EQ(refusal(verify(key.in_use(), other, message)), "other_kind");
    other = made;
    other.algorithm = Algorithm::hkdf_sha384_aes256_gcm;
    EXPECT_EQ(refusal(verify(key.in_use(), other, message)), "other_algorithm");
  }
}

// Under one name and version, with other material: no name helps, the numbers must.
TEST(Verify, RefusesAnotherMaterialUnderTheSameName) {
  const Bytes message{1, 2, 3};
  for (const auto& [type, kind] : makers()) {
    if (type == KeyType::derived) continue;
    const Envelope made = make(kind, TestKey(type).in_use(), message);
    EXPECT_EQ(refusal(verify(TestKey(type).in_use(), made, message)), "authentication_failed");
  }
}

// A derived key has a key for each: the tag of the one is nothing to the other.
TEST(Verify, AMacOfADerivedKeyIsNotUnderItsReleasedSecret) {
  const TestKey derived(KeyType::derived);
  const TestKey released(KeyType::hmac, get(derived.in_use()).value());
  const auto made = mac(derived.in_use(), {});
  EXPECT_EQ(refusal(verify(released.in_use(), *made, {})), "authentication_failed");
}

TEST(Sign, MessagesAreBounded) {
  const Bytes most(kMaxSignMessage, 1);
  const Bytes more(kMaxSignMessage + 1, 1);
  for (const auto& [type, kind] : makers()) {
    const TestKey key(type);
    const Envelope made = make(kind, key.in_use(), most);
    EXPECT_TRUE(verify(key.in_use(), made, most));
    const auto refused =
        kind == EnvelopeKind::mac ? mac(key.in_use(), more) : sign(key.in_use(), more);
    EXPECT_EQ(refusal(refused), "input_too_large");
    EXPECT_EQ(refusal(verify(key.in_use(), made, more)), "input_too_large");
  }
}

TEST(Signer, MakesMany) {
  for (const KeyType type : {KeyType::derived, KeyType::ed25519, KeyType::p256, KeyType::p384}) {
    const TestKey key(type);
    const auto signer = Signer::create(key.in_use());
    ASSERT_TRUE(signer);
    for (std::uint8_t i = 0; i < 3; ++i)
      EXPECT_TRUE(verify(key.in_use(), signer->sign(Bytes{i}).value(), Bytes{i}));
  }
}

}  // namespace
}  // namespace concordat::keyservice
