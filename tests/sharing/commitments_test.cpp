#include "attest/base/sharing/commitments.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include "attest/base/secret_access.hpp"

namespace concordat::base::sharing {
namespace {

template <class Group>
class CommitmentsOf : public testing::Test {
 protected:
  static constexpr std::size_t kThreshold = 3;
  Scalar secret_ = Scalar::random();
  Polynomial polynomial_ = Polynomial::random(secret_.clone(), kThreshold).value();
  Commitments<Group> commitments_ = Commitments<Group>::of(polynomial_);
};
using Groups = testing::Types<Ristretto255, Edwards25519>;
TYPED_TEST_SUITE(CommitmentsOf, Groups);

TYPED_TEST(CommitmentsOf, EveryShareMatches) {
  for (const Index index : {1u, 2u, 3u, 200u, 0xffffffffu})
    EXPECT_TRUE(this->commitments_.check(this->polynomial_.share(index).value())) << index;
}

TYPED_TEST(CommitmentsOf, AWrongShareIsNamedAndTheOthersStillRecover) {
  std::vector<Share> shares;
  for (Index index = 1; index <= 4; ++index)
    shares.push_back(this->polynomial_.share(index).value());
  shares[1].value += Scalar::from_number(1);
  std::vector<Share> good;
  for (Share& share : shares) {
    const Status checked = this->commitments_.check(share);
    EXPECT_EQ(checked.has_value(), share.index != 2);
    if (checked) {
      good.push_back(std::move(share));
    } else {
      EXPECT_TRUE(checked.error().is(Errc::wrong_share));
      EXPECT_EQ(checked.error().detail(), "2");
    }
  }
  EXPECT_EQ(recover(good, this->kThreshold).value(), this->secret_);
}

TYPED_TEST(CommitmentsOf, AShareUnderAnothersIndexDoesNotMatch) {
  Share share = this->polynomial_.share(1).value();
  share.index = 2;
  EXPECT_TRUE(this->commitments_.check(share).error().is(Errc::wrong_share));
  share.index = 0;
  EXPECT_TRUE(this->commitments_.check(share).error().is(Errc::zero_index));
  EXPECT_TRUE(this->commitments_.check({1, Scalar::from_number(0)}).error().is(Errc::wrong_share));
}

TYPED_TEST(CommitmentsOf, AreReadAsTheyWereWritten) {
  const Bytes encoded = this->commitments_.encoded();
  const auto read = Commitments<TypeParam>::from_bytes(encoded).value();
  EXPECT_EQ(read.threshold(), this->kThreshold);
  EXPECT_EQ(read.encoded(), encoded);
  EXPECT_EQ(read.constant(), this->commitments_.constant());
  EXPECT_TRUE(read.check(this->polynomial_.share(7).value()));
}

TYPED_TEST(CommitmentsOf, WhatIsNoElementIsRefused) {
  const Bytes encoded = this->commitments_.encoded();
  Bytes identity(kElementSize, 0);
  if (std::is_same_v<TypeParam, Edwards25519>) identity[0] = 1;
  Bytes not_canonical(kElementSize, 0xff);
  for (const Bytes& element : {identity, not_canonical}) {
    Bytes altered = encoded;
    std::ranges::copy(element, altered.begin() + kElementSize);
    const auto read = Commitments<TypeParam>::from_bytes(altered);
    ASSERT_FALSE(read);
    EXPECT_TRUE(read.error().is(Errc::bad_commitment));
  }
  for (const std::size_t size : {std::size_t{0}, kElementSize - 1, kElementSize + 1})
    EXPECT_FALSE(Commitments<TypeParam>::from_bytes(BytesView(encoded).first(size))) << size;
}

TYPED_TEST(CommitmentsOf, ReshareKeepsTheConstant) {
  const std::vector<Index> dealers{2, 5, 9};
  constexpr std::size_t kNewThreshold = 2;
  std::vector<Polynomial> dealt;
  std::vector<Commitments<TypeParam>> commitments;
  for (const Index dealer : dealers) {
    dealt.push_back(
        Polynomial::random(std::move(this->polynomial_.share(dealer).value().value), kNewThreshold)
            .value());
    commitments.push_back(Commitments<TypeParam>::of(dealt.back()));
    // What a dealer shares again must be its share: everybody can see that.
    EXPECT_EQ(commitments.back().constant(), this->commitments_.of_share(dealer).value());
  }
  const auto combined = Commitments<TypeParam>::combine(dealers, commitments).value();
  EXPECT_EQ(combined.threshold(), kNewThreshold);
  EXPECT_EQ(combined.constant(), this->commitments_.constant());
  for (const Index holder : {1u, 4u}) {
    std::vector<Share> subshares;
    for (std::size_t i = 0; i < dealers.size(); ++i) {
      subshares.push_back(dealt[i].share(holder).value());
      EXPECT_TRUE(commitments[i].check(subshares.back()));
    }
    EXPECT_TRUE(combined.check(combine_subshares(dealers, subshares).value()));
  }
}

TYPED_TEST(CommitmentsOf, SumsAreOfTheSum) {
  const Polynomial other = Polynomial::random(Scalar::random(), this->kThreshold).value();
  const auto sum =
      Commitments<TypeParam>::sum({this->commitments_, Commitments<TypeParam>::of(other)}).value();
  Share share = this->polynomial_.share(5).value();
  EXPECT_FALSE(sum.check(share));
  share.value += other.share(5).value().value;
  EXPECT_TRUE(sum.check(share));
  const Polynomial shorter = Polynomial::random(Scalar::random(), this->kThreshold - 1).value();
  EXPECT_TRUE(Commitments<TypeParam>::sum({sum, Commitments<TypeParam>::of(shorter)})
                  .error()
                  .is(Errc::bad_commitment));
  EXPECT_TRUE(Commitments<TypeParam>::sum({}).error().is(Errc::too_few_shares));
}

// A key that is shared is an ordinary one of Ed25519, whose public half is the constant.
TEST(CommitmentsOfAKey, AreOfLibsodiumsOwnPublicKey) {
  std::array<unsigned char, crypto_sign_SEEDBYTES> seed{7};
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_key{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret_key{};
  crypto_sign_seed_keypair(public_key.data(), secret_key.data(), seed.data());
  std::array<unsigned char, crypto_hash_sha512_BYTES> expanded{};
  crypto_hash_sha512(expanded.data(), seed.data(), seed.size());
  expanded[0] &= 0xf8;
  expanded[31] = (expanded[31] & 0x7f) | 0x40;
  std::fill(expanded.begin() + 32, expanded.end(), 0);
  SecretBytes reduced = SecretBytes::zeroed(kScalarSize);
  crypto_core_ed25519_scalar_reduce(reduced.expose_mutable(SecretAccess{}).data(), expanded.data());
  const auto polynomial =
      Polynomial::random(Scalar::from_bytes(std::move(reduced)).value(), 2).value();
  EXPECT_TRUE(equal(Commitments<Edwards25519>::of(polynomial).constant().view(), public_key));
}

}  // namespace
}  // namespace concordat::base::sharing
