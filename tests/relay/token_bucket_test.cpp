#include "peer/token_bucket.hpp"

#include <gtest/gtest.h>

namespace concordat::peer {
namespace {

using base::MonotonicMillis;

int takes(TokenBucket& bucket, MonotonicMillis now, int tries) {
  int taken = 0;
  for (int i = 0; i < tries; ++i)
    taken += bucket.take(now) ? 1 : 0;
  return taken;
}

TEST(TokenBucket, AllowsTheBurstThenTheRate) {
  TokenBucket bucket(2, 5, {1'000});
  EXPECT_EQ(takes(bucket, {1'000}, 10), 5);
  EXPECT_EQ(takes(bucket, {1'499}, 10), 0);
  EXPECT_EQ(takes(bucket, {1'500}, 10), 1);
  EXPECT_EQ(takes(bucket, {3'000}, 10), 3);
}

TEST(TokenBucket, KeepsNoMoreThanTheBurst) {
  TokenBucket bucket(1'000, 3, {0});
  EXPECT_EQ(takes(bucket, {INT64_MAX}, 10), 3);
}

TEST(TokenBucket, AnEventMayTakeManyOrNone) {
  TokenBucket bucket(2, 5, {0});
  EXPECT_FALSE(bucket.take({0}, 6));
  EXPECT_TRUE(bucket.take({0}, 4)) << "what was not allowed took nothing";
  EXPECT_FALSE(bucket.take({0}, 2));
  EXPECT_TRUE(bucket.take({500}, 2));
  TokenBucket large(UINT32_MAX, UINT32_MAX, {0});
  EXPECT_TRUE(large.take({0}, UINT32_MAX));
  EXPECT_FALSE(large.take({0}));
}

TEST(TokenBucket, KnowsWhenItIsAsGoodAsNew) {
  TokenBucket bucket(2, 5, {0});
  EXPECT_TRUE(bucket.is_full({0}));
  EXPECT_TRUE(bucket.take({0}));
  EXPECT_FALSE(bucket.is_full({499}));
  EXPECT_TRUE(bucket.is_full({500}));
  EXPECT_EQ(takes(bucket, {500}, 6), 5);
}

TEST(TokenBucket, SurvivesTheLargestRates) {
  TokenBucket bucket(UINT32_MAX, UINT32_MAX, {0});
  EXPECT_EQ(takes(bucket, {1'000'000}, 10), 10);
  TokenBucket slow(1, 1, {0});
  EXPECT_EQ(takes(slow, {0}, 2), 1);
  EXPECT_EQ(takes(slow, {-5'000}, 2), 0);  // a clock that runs backwards gives nothing
  EXPECT_EQ(takes(slow, {999}, 2), 0);
  EXPECT_EQ(takes(slow, {1'000}, 2), 1);
}

}  // namespace
}  // namespace concordat::peer
