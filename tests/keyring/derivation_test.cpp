#include "keyservice/keyring/derivation.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "tests/keyring/keys.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

// RFC 7748 section 6.1.
constexpr std::string_view kAlice =
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
constexpr std::string_view kAlicePublic =
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
constexpr std::string_view kBob =
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
constexpr std::string_view kBobPublic =
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
constexpr std::string_view kShared =
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

const Bytes kContext{1, 2, 3};

PeerPublicKey peer(std::string_view text) {
  return PeerPublicKey::from_hex(text).value();
}

TEST(Agree, MatchesRfc7748AndItsFormula) {
  const TestKey alice(KeyType::x25519, secret_hex(kAlice), "alice");
  const TestKey bob(KeyType::x25519, secret_hex(kBob), "bob", 3);
  EXPECT_EQ(hex(public_key(alice.in_use())->raw), kAlicePublic);
  EXPECT_EQ(hex(public_key(bob.in_use())->raw), kBobPublic);

  const std::string_view label = "concordat/agree/1";
  base::cbor::Writer info;
  info.array(5).text(label).bytes(peer(kAlicePublic).view()).bytes(peer(kBobPublic).view());
  info.uint(40).bytes(kContext);
  const auto wanted = base::hkdf_expand(
      base::hkdf_extract(base::as_bytes(label), secret_hex(kShared)), info.view(), 40);
  EXPECT_EQ(hex(agree(alice.in_use(), peer(kBobPublic), kContext, 40).value()), hex(wanted));
  EXPECT_EQ(hex(agree(bob.in_use(), peer(kAlicePublic), kContext, 40).value()), hex(wanted));
}

TEST(Agree, EveryInputMatters) {
  const TestKey alice(KeyType::x25519, secret_hex(kAlice));
  const auto key = agree(alice.in_use(), peer(kBobPublic), kContext, 32).value();
  const TestKey other(KeyType::x25519);
  EXPECT_FALSE(key == agree(other.in_use(), peer(kBobPublic), kContext, 32).value());
  EXPECT_FALSE(key == agree(alice.in_use(), peer(kAlicePublic), kContext, 32).value());
  EXPECT_FALSE(key == agree(alice.in_use(), peer(kBobPublic), {}, 32).value());
}

// Every encoding of a point whose order divides 8: 0, 1, p-1, p, p+1, and the two of order 8.
TEST(Agree, RefusesKeysThatAgreeOnZero) {
  const TestKey key(KeyType::x25519);
  for (const std::string_view low : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
       }) {
    EXPECT_EQ(refusal(agree(key.in_use(), peer(low), kContext, 32)), "bad_peer_key") << low;
  }
}

class Derive : public testing::TestWithParam<KeyType> {};
INSTANTIATE_TEST_SUITE_P(EachType, Derive,
                         testing::Values(KeyType::derived, KeyType::aes256, KeyType::hmac),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST_P(Derive, EveryInputMatters) {
  const TestKey key(GetParam());
  const auto out = derive(key.in_use(), kContext, 32).value();
  EXPECT_EQ(out.size(), 32U);
  EXPECT_TRUE(out == derive(key.in_use(), kContext, 32).value());
  EXPECT_FALSE(out == derive(key.in_use(), {}, 32).value());
  KeyInUse other = key.in_use();
  other.name = "payments/other";
  EXPECT_FALSE(out == derive(other, kContext, 32).value());
  other = key.in_use();
  other.version = 2;
  EXPECT_FALSE(out == derive(other, kContext, 32).value());
  // No output is the beginning of a longer one.
  const auto longer = derive(key.in_use(), kContext, 33).value();
  EXPECT_NE(hex(longer).substr(0, 64), hex(out));
}

TEST_P(Derive, SizesAreBounded) {
  const TestKey key(GetParam());
  EXPECT_EQ(refusal(derive(key.in_use(), kContext, 0)), "bad_output_size");
  EXPECT_EQ(refusal(derive(key.in_use(), kContext, kMaxDerivedSize + 1)), "bad_output_size");
  EXPECT_EQ(derive(key.in_use(), kContext, 1)->size(), 1U);
  EXPECT_EQ(refusal(derive(key.in_use(), Bytes(kMaxContext + 1), 32)), "input_too_large");
  const TestKey long_name(GetParam(), std::string(kMaxKeyName, 'a'), 0xffffffff);
  EXPECT_EQ(derive(long_name.in_use(), Bytes(kMaxContext), kMaxDerivedSize)->size(),
            kMaxDerivedSize);
}

TEST(DeriveAndAgree, AnX25519KeyNeedsAPeerAndOthersTakeNone) {
  EXPECT_EQ(refusal(derive(TestKey(KeyType::x25519).in_use(), kContext, 32)),
            "operation_not_of_key");
  EXPECT_EQ(refusal(agree(TestKey(KeyType::aes256).in_use(), peer(kBobPublic), kContext, 32)),
            "operation_not_of_key");
}

TEST(RandomBytes, AreOfTheSourceAndBounded) {
  CountingRandom counting;
  EXPECT_EQ(hex(random_bytes(counting, 3).value()), "010203");
  base::SystemRandom random;
  EXPECT_FALSE(random_bytes(random, 32).value() == random_bytes(random, 32).value());
  EXPECT_EQ(refusal(random_bytes(random, 0)), "bad_output_size");
  EXPECT_EQ(random_bytes(random, kMaxRandomSize)->size(), kMaxRandomSize);
  EXPECT_EQ(refusal(random_bytes(random, kMaxRandomSize + 1)), "bad_output_size");
}

}  // namespace
}  // namespace concordat::keyservice
