#include "keyservice/keyring/sealing.hpp"

#include <gtest/gtest.h>

#include "keyservice/keyring/public_key.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::SecretBytes;

class Sealing : public testing::TestWithParam<KeyType> {
 protected:
  base::SystemRandom random_;
  TestKey key_{GetParam()};
  const Bytes associated_{4, 5, 6};
  SecretBytes plaintext_ = SecretBytes::random(100);
};
INSTANTIATE_TEST_SUITE_P(EachType, Sealing, testing::Values(KeyType::derived, KeyType::aes256),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST_P(Sealing, DecryptsWhatItEncrypted) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{16}, kMaxPlaintext}) {
    const SecretBytes plaintext = SecretBytes::random(size);
    const auto made = encrypt(key_.in_use(), associated_, plaintext, random_);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->body.size(), size + 16);
    EXPECT_TRUE(decrypt(key_.in_use(), associated_, *made).value() == plaintext);
  }
}

TEST_P(Sealing, NoTwoCiphertextsShareSaltOrBytes) {
  const auto one = encrypt(key_.in_use(), associated_, plaintext_, random_);
  const auto two = encrypt(key_.in_use(), associated_, plaintext_, random_);
  EXPECT_NE(one->salt, two->salt);
  EXPECT_NE(one->body, two->body);
}

// With one salt under two headers the keys differ: a repeated salt alone repeats no key stream.
TEST_P(Sealing, TheKeyOfAMessageDependsOnItsHeader) {
  const TestKey renamed(GetParam(), get(key_.in_use()).value(), "payments/other");
  const auto stream = [&](const Envelope& made) {
    return hex(base::BytesView(made.body).first(plaintext_.size()));
  };
  CountingRandom random[3];
  const auto ciphertext = encrypt(key_.in_use(), {}, plaintext_, random[0]).value();
  const auto wrapped = wrap_bytes(key_.in_use(), plaintext_, random[1]).value();
  const auto other = encrypt(renamed.in_use(), {}, plaintext_, random[2]).value();
  ASSERT_EQ(ciphertext.salt, wrapped.salt);
  ASSERT_EQ(ciphertext.salt, other.salt);
  EXPECT_NE(stream(ciphertext), stream(wrapped));
  EXPECT_NE(stream(ciphertext), stream(other));
}

TEST_P(Sealing, RefusesOtherAssociatedData) {
  const auto made = encrypt(key_.in_use(), associated_, plaintext_, random_);
  for (const Bytes& other : {Bytes{}, Bytes{4, 5}, Bytes{4, 5, 7}, Bytes{4, 5, 6, 0}})
    EXPECT_EQ(refusal(decrypt(key_.in_use(), other, *made)), "authentication_failed");
}

TEST_P(Sealing, RefusesAnotherKeysOtherVersionsAndOtherKindsByName) {
  const auto ciphertext = encrypt(key_.in_use(), {}, plaintext_, random_);
  const auto wrapped = wrap_bytes(key_.in_use(), plaintext_, random_);
  const TestKey other(GetParam(), "payments/other");
  const TestKey later(GetParam(), "payments/tokens", 2);
  EXPECT_EQ(refusal(decrypt(other.in_use(), {}, *ciphertext)), "other_key");
  EXPECT_EQ(refusal(decrypt(later.in_use(), {}, *ciphertext)), "other_version");
  EXPECT_EQ(refusal(decrypt(key_.in_use(), {}, *wrapped)), "other_kind");
  EXPECT_EQ(refusal(unwrap(other.in_use(), *wrapped)), "other_key");
  EXPECT_EQ(refusal(unwrap(later.in_use(), *wrapped)), "other_version");
  EXPECT_EQ(refusal(unwrap(key_.in_use(), *ciphertext)), "other_kind");
}

// What a header says is bound, whatever the key's own name is: each of these passes the comparison
// of names and fails the tag.
TEST_P(Sealing, ARenamedEnvelopeOpensForNobody) {
  const auto made = encrypt(key_.in_use(), {}, plaintext_, random_);
  Envelope renamed = *made;
  renamed.key_name = "payments/other";
  const TestKey other(GetParam(), get(key_.in_use()).value(), "payments/other");
  EXPECT_EQ(refusal(decrypt(other.in_use(), {}, renamed)), "authentication_failed");
  Envelope later = *made;
  later.key_version = 2;
  const TestKey second(GetParam(), get(key_.in_use()).value(), "payments/tokens", 2);
  EXPECT_EQ(refusal(decrypt(second.in_use(), {}, later)), "authentication_failed");
  Envelope as_wrapped = *made;
  as_wrapped.kind = EnvelopeKind::wrapped_key;
  EXPECT_EQ(refusal(unwrap(key_.in_use(), as_wrapped)), "authentication_failed");
  Envelope as_ciphertext = wrap_bytes(key_.in_use(), plaintext_, random_).value();
  as_ciphertext.kind = EnvelopeKind::ciphertext;
  EXPECT_EQ(refusal(decrypt(key_.in_use(), {}, as_ciphertext)), "authentication_failed");
}

TEST_P(Sealing, SizesAreBounded) {
  EXPECT_EQ(refusal(encrypt(key_.in_use(), {}, SecretBytes::zeroed(kMaxPlaintext + 1), random_)),
            "input_too_large");
  const Bytes large(kMaxAssociatedData + 1);
  EXPECT_EQ(refusal(encrypt(key_.in_use(), large, plaintext_, random_)), "input_too_large");
  const auto made = encrypt(key_.in_use(), Bytes(kMaxAssociatedData), plaintext_, random_);
  EXPECT_TRUE(decrypt(key_.in_use(), Bytes(kMaxAssociatedData), *made));
  EXPECT_EQ(refusal(decrypt(key_.in_use(), large, *made)), "input_too_large");
  EXPECT_EQ(refusal(wrap_bytes(key_.in_use(), SecretBytes::zeroed(kMaxWrappedBytes + 1), random_)),
            "input_too_large");
  EXPECT_EQ(refusal(wrap_bytes(key_.in_use(), SecretBytes(), random_)), "bad_key_material");
}

TEST_P(Sealing, UnwrapsTheCallersBytes) {
  const auto made = wrap_bytes(key_.in_use(), plaintext_, random_);
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->wrapped);
  EXPECT_TRUE(unwrap(key_.in_use(), *made).value() == plaintext_);
  EXPECT_EQ(refusal(unwrap_key(key_.in_use(), *made)), "other_kind");
}

TEST_P(Sealing, UnwrapsKeysOfEachTypeWithWhatTheyAre) {
  key_.exportable = false;
  for (const KeyType type : kKeyTypes) {
    if (type == KeyType::derived) continue;
    TestKey wrapped(type, "backup/" + std::string(to_string(type)), 7);
    wrapped.exportable = type == KeyType::hmac;
    const auto made = wrap_key(key_.in_use(), wrapped.in_use(), random_);
    ASSERT_TRUE(made) << to_string(type);
    const auto inside = unwrap_key(key_.in_use(), *made);
    ASSERT_TRUE(inside) << to_string(type);
    EXPECT_EQ(inside->description,
              (WrappedKey{type, "backup/" + std::string(to_string(type)), 7, wrapped.exportable}));
    EXPECT_TRUE(inside->material == *wrapped.in_use().material);
  }
}

TEST_P(Sealing, WhatIsNotExportableIsUnwrappedForNobody) {
  key_.exportable = false;
  TestKey wrapped(KeyType::p256, "backup/p256");
  wrapped.exportable = false;
  const auto made = wrap_key(key_.in_use(), wrapped.in_use(), random_);
  EXPECT_EQ(refusal(unwrap(key_.in_use(), *made)), "not_exportable");
  // Nor by saying otherwise.
  Envelope claims = *made;
  claims.wrapped->exportable = true;
  EXPECT_EQ(refusal(unwrap(key_.in_use(), claims)), "authentication_failed");
  claims.wrapped.reset();
  EXPECT_EQ(refusal(unwrap(key_.in_use(), claims)), "authentication_failed");
}

TEST_P(Sealing, EveryWordAboutAWrappedKeyIsBound) {
  const TestKey wrapped(KeyType::x25519, "backup/one", 3);
  const auto made = wrap_key(key_.in_use(), wrapped.in_use(), random_);
  std::vector<WrappedKey> lies(4, made->wrapped.value());
  lies[0].type = KeyType::aes256;
  lies[1].name = "backup/two";
  lies[2].version = 4;
  lies[3].exportable = false;
  for (const WrappedKey& lie : lies) {
    Envelope altered = *made;
    altered.wrapped = lie;
    EXPECT_EQ(refusal(unwrap_key(key_.in_use(), altered)), "authentication_failed");
  }
}

TEST_P(Sealing, ADerivedKeyHasNothingToWrap) {
  const TestKey derived(KeyType::derived, "backup/derived");
  EXPECT_EQ(refusal(wrap_key(key_.in_use(), derived.in_use(), random_)), "operation_not_of_key");
}

TEST(Wrapping, AnExportableKeyWrapsNoKeyThatIsNot) {
  base::SystemRandom random;
  TestKey wrapped(KeyType::ed25519, "backup/one");
  wrapped.exportable = false;
  TestKey exportable(KeyType::aes256);
  EXPECT_EQ(refusal(wrap_key(exportable.in_use(), wrapped.in_use(), random)), "not_exportable");
  // `get` of a derived key gives another key than the one that wraps.
  EXPECT_TRUE(wrap_key(TestKey(KeyType::derived).in_use(), wrapped.in_use(), random));
}

// Encryption and wrapping under one derived key are two keys, and neither is the released one.
TEST(DerivedSealing, IsNotUnderTheReleasedSecret) {
  base::SystemRandom random;
  const TestKey derived(KeyType::derived);
  const TestKey released(KeyType::aes256, get(derived.in_use()).value());
  const auto made = encrypt(derived.in_use(), {}, SecretBytes::random(8), random);
  EXPECT_EQ(refusal(decrypt(released.in_use(), {}, *made)), "authentication_failed");
}

TEST_P(Sealing, RewrapsCiphertextsUnderALaterVersion) {
  const TestKey later(GetParam(), "payments/tokens", 2);
  const auto old = encrypt(key_.in_use(), associated_, plaintext_, random_);
  const auto made = rewrap(key_.in_use(), later.in_use(), associated_, *old, random_);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->key_version, 2U);
  EXPECT_NE(made->salt, old->salt);
  EXPECT_TRUE(decrypt(later.in_use(), associated_, *made).value() == plaintext_);
  EXPECT_EQ(refusal(decrypt(key_.in_use(), associated_, *made)), "other_version");
}

TEST_P(Sealing, RewrapsWrappedKeysUnderALaterVersion) {
  key_.exportable = false;
  TestKey later(GetParam(), "payments/tokens", 2);
  later.exportable = false;
  TestKey wrapped(KeyType::p384, "backup/one", 3);
  wrapped.exportable = false;
  const auto old = wrap_key(key_.in_use(), wrapped.in_use(), random_);
  const auto made = rewrap(key_.in_use(), later.in_use(), {}, *old, random_);
  ASSERT_TRUE(made);
  const auto inside = unwrap_key(later.in_use(), *made);
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->description, old->wrapped);
  EXPECT_TRUE(inside->material == *wrapped.in_use().material);
  EXPECT_EQ(refusal(rewrap(key_.in_use(), later.in_use(), associated_, *old, random_)),
            "authentication_failed");
}

TEST_P(Sealing, RewrapRefusesWhatDecryptWouldAndOtherKeys) {
  const TestKey later(GetParam(), "payments/tokens", 2);
  const TestKey other(GetParam(), "payments/other", 2);
  const auto made = encrypt(later.in_use(), associated_, plaintext_, random_);
  const auto outcome = [&](const TestKey& from, const TestKey& to, BytesView associated) {
    return refusal(rewrap(from.in_use(), to.in_use(), associated, *made, random_));
  };
  EXPECT_EQ(outcome(later, later, associated_), "");
  EXPECT_EQ(outcome(later, other, associated_), "other_key");
  EXPECT_EQ(outcome(later, key_, associated_), "other_version");
  EXPECT_EQ(outcome(key_, later, associated_), "other_version");
  EXPECT_EQ(outcome(later, later, {}), "authentication_failed");
  const TestKey hmac(KeyType::hmac);
  EXPECT_EQ(refusal(rewrap(hmac.in_use(), hmac.in_use(), {}, *made, random_)),
            "operation_not_of_key");
}

}  // namespace
}  // namespace concordat::keyservice
