// Released keys are kept until they expire and not a moment longer.
#include "keyservice/agent/released_keys.hpp"

#include <gtest/gtest.h>

namespace concordat::keyservice::agent {
namespace {

using base::SecretBytes;
using base::UnixMillis;

constexpr UnixMillis kNow{1000};

ReleasedKey key(std::uint32_t version, std::int64_t expires) {
  return {version, KeyType::derived, {expires}, SecretBytes::zeroed(32)};
}

TEST(ReleasedKeys, AreGivenOutUntilTheyExpire) {
  ReleasedKeys keys(8);
  keys.keep("a", 0, key(3, 1100), keys.epoch(), kNow);
  ASSERT_NE(keys.find("a", 0, {1099}), nullptr);
  EXPECT_EQ(keys.find("a", 0, {1099})->version, 3u);
  EXPECT_EQ(keys.find("a", 0, {1100}), nullptr);
  EXPECT_EQ(keys.size(), 0u) << "wiped, not only passed over";
}

TEST(ReleasedKeys, AreWipedWhenTheyExpireThoughNobodyAsks) {
  ReleasedKeys keys(8);
  EXPECT_FALSE(keys.next_expiry());
  keys.keep("a", 0, key(1, 1300), keys.epoch(), kNow);
  keys.keep("b", 0, key(1, 1200), keys.epoch(), kNow);
  EXPECT_EQ(keys.next_expiry(), UnixMillis{1200});
  keys.expire({1250});
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys.next_expiry(), UnixMillis{1300});
}

TEST(ReleasedKeys, KeepTheNewestApartFromOneAskedForByNumber) {
  ReleasedKeys keys(8);
  keys.keep("a", 2, key(2, 1100), keys.epoch(), kNow);
  EXPECT_EQ(keys.find("a", 0, kNow), nullptr);
  EXPECT_EQ(keys.find("a", 1, kNow), nullptr);
  keys.keep("a", 0, key(3, 1100), keys.epoch(), kNow);
  EXPECT_EQ(keys.find("a", 2, kNow)->version, 2u);
  EXPECT_EQ(keys.find("a", 0, kNow)->version, 3u);
  EXPECT_EQ(keys.find("b", 0, kNow), nullptr);
}

TEST(ReleasedKeys, AreBounded) {
  ReleasedKeys keys(2);
  keys.keep("a", 0, key(1, 1100), keys.epoch(), kNow);
  keys.keep("b", 0, key(1, 1100), keys.epoch(), kNow);
  (void)keys.find("a", 0, kNow);
  keys.keep("c", 0, key(1, 1100), keys.epoch(), kNow);
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys.find("b", 0, kNow), nullptr) << "unused for longest";
  EXPECT_NE(keys.find("a", 0, kNow), nullptr);
  keys.keep("a", 0, key(2, 1100), keys.epoch(), kNow);
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys.find("a", 0, kNow)->version, 2u) << "replaced";
}

TEST(ReleasedKeys, WipedOnesDoNotComeBackByAnAnswerUnderWay) {
  ReleasedKeys keys(8);
  const auto asked = keys.epoch();
  keys.keep("a", 0, key(1, 1100), asked, kNow);
  keys.wipe();
  EXPECT_EQ(keys.size(), 0u);
  keys.keep("b", 0, key(1, 1100), asked, kNow);
  EXPECT_EQ(keys.size(), 0u) << "it was asked for under what was in force before";
  keys.keep("b", 0, key(1, 1000), keys.epoch(), kNow);
  EXPECT_EQ(keys.size(), 0u) << "expired on arrival";
}

}  // namespace
}  // namespace concordat::keyservice::agent
