#include "attest/base/sharing/polynomial.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace concordat::base::sharing {
namespace {

std::vector<Share> shares_of(const Polynomial& polynomial, const std::vector<Index>& indices) {
  std::vector<Share> out;
  for (const Index index : indices)
    out.push_back(polynomial.share(index).value());
  return out;
}

// `count` of the indices 1 to `holders`, in any order.
std::vector<Index> some_of(std::size_t holders, std::size_t count, std::mt19937_64& random) {
  std::vector<Index> indices(holders);
  std::iota(indices.begin(), indices.end(), 1);
  std::ranges::shuffle(indices, random);
  indices.resize(count);
  return indices;
}

class Sharing : public testing::Test {
 protected:
  std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

TEST_F(Sharing, AnySharesAsManyAsTheThresholdRecover) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 200; ++round) {
    const std::size_t holders = 1 + random_() % 20;
    const std::size_t threshold = 1 + random_() % holders;
    const Scalar secret = Scalar::random();
    const auto polynomial = Polynomial::random(secret.clone(), threshold).value();
    const std::size_t count = threshold + random_() % (holders - threshold + 1);
    const auto shares = shares_of(polynomial, some_of(holders, count, random_));
    EXPECT_EQ(recover(shares, threshold).value(), secret) << threshold << " of " << holders;
  }
}

// For whatever k - 1 shares say, every secret is as likely: there is a polynomial through them and
// it.
TEST_F(Sharing, OneShareLessFitsEverySecret) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 50; ++round) {
    const std::size_t threshold = 2 + random_() % 6;
    const Scalar secret = Scalar::random();
    const auto polynomial = Polynomial::random(secret.clone(), threshold).value();
    const auto indices = some_of(10, threshold, random_);
    auto shares = shares_of(polynomial, indices);
    const auto few = recover(shares, threshold + 1);
    ASSERT_FALSE(few);
    EXPECT_TRUE(few.error().is(Errc::too_few_shares));
    // The last share as it would be if the secret were another one, all others being the same.
    const Scalar other = Scalar::random();
    Scalar shift = other.clone();
    shift -= secret;
    shift *= lagrange_at_zero(indices, indices.back()).value().inverse();
    shares.back().value += shift;
    EXPECT_EQ(recover(shares, threshold).value(), other);
  }
}

TEST_F(Sharing, AllCoefficientsAtOnceAreThoseOneByOne) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (std::size_t count = 1; count <= 10; ++count) {
    const auto indices = some_of(20, count, random_);
    const auto all = lagrange_at_zero(indices).value();
    ASSERT_EQ(all.size(), count);
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_EQ(all[i], lagrange_at_zero(indices, indices[i]).value());
  }
  EXPECT_TRUE(lagrange_at_zero({1, 2, 1}).error().is(Errc::repeated_index));
  EXPECT_TRUE(lagrange_at_zero({1, 0}).error().is(Errc::zero_index));
}

TEST_F(Sharing, ThresholdsLargerThanTheirSharesSayNothing) {
  const auto polynomial = Polynomial::random(Scalar::random(), 3).value();
  EXPECT_TRUE(recover(shares_of(polynomial, {1, 2}), 3).error().is(Errc::too_few_shares));
  EXPECT_TRUE(recover(shares_of(polynomial, {1, 2}), 0).error().is(Errc::bad_threshold));
  EXPECT_TRUE(Polynomial::random(Scalar::random(), 0).error().is(Errc::bad_threshold));
}

TEST_F(Sharing, ARepeatedIndexIsRefused) {
  const auto polynomial = Polynomial::random(Scalar::random(), 2).value();
  EXPECT_TRUE(recover(shares_of(polynomial, {3, 3}), 2).error().is(Errc::repeated_index));
  // Also where it would not be used.
  EXPECT_TRUE(recover(shares_of(polynomial, {3, 1, 3}), 2).error().is(Errc::repeated_index));
  EXPECT_TRUE(lagrange_at_zero({1, 2, 1}, 2).error().is(Errc::repeated_index));
}

TEST_F(Sharing, TheIndexZeroIsRefused) {
  const auto polynomial = Polynomial::random(Scalar::random(), 2).value();
  EXPECT_TRUE(polynomial.share(0).error().is(Errc::zero_index));
  auto shares = shares_of(polynomial, {1, 2});
  shares.front().index = 0;
  EXPECT_TRUE(recover(shares, 2).error().is(Errc::zero_index));
  EXPECT_TRUE(lagrange_at_zero({0, 2}, 2).error().is(Errc::zero_index));
}

TEST_F(Sharing, ReshareGivesOtherHoldersTheSameSecret) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 50; ++round) {
    const std::size_t old_threshold = 1 + random_() % 5;
    const std::size_t new_threshold = 1 + random_() % 7;
    const Scalar secret = Scalar::random();
    const auto polynomial = Polynomial::random(secret.clone(), old_threshold).value();
    const auto dealers = some_of(8, old_threshold, random_);
    std::vector<Polynomial> dealt;
    for (const Index dealer : dealers)
      dealt.push_back(
          Polynomial::random(std::move(polynomial.share(dealer).value().value), new_threshold)
              .value());
    std::vector<Share> shares;
    for (const Index holder : some_of(12, new_threshold, random_)) {
      std::vector<Share> subshares;
      for (const Polynomial& one : dealt)
        subshares.push_back(one.share(holder).value());
      shares.push_back(combine_subshares(dealers, subshares).value());
      EXPECT_EQ(shares.back().index, holder);
    }
    EXPECT_EQ(recover(shares, new_threshold).value(), secret);
  }
}

TEST_F(Sharing, SubsharesOfOthersDoNotMix) {
  const auto polynomial = Polynomial::random(Scalar::random(), 2).value();
  EXPECT_TRUE(
      combine_subshares({1, 2}, shares_of(polynomial, {4, 5})).error().is(Errc::wrong_share));
  EXPECT_TRUE(
      combine_subshares({1, 2}, shares_of(polynomial, {4})).error().is(Errc::too_few_shares));
  EXPECT_TRUE(
      combine_subshares({2, 2}, shares_of(polynomial, {4, 4})).error().is(Errc::repeated_index));
}

}  // namespace
}  // namespace concordat::base::sharing
