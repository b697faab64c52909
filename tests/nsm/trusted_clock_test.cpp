#include "attest/trusted_clock.hpp"

#include <gtest/gtest.h>

#include "deploy/lab/software_nsm.hpp"
#include "tests/nsm/fake_nsm.hpp"

namespace concordat::attest {
namespace {

using base::MonotonicMillis;
using base::UnixMillis;
using namespace std::chrono_literals;

constexpr UnixMillis kWall{1'800'000'000'000};
constexpr MonotonicMillis kStart{5'000};

TrustedClock anchored() {
  TrustedClock clock;
  EXPECT_TRUE(clock.anchor(kWall, kStart, kStart));
  return clock;
}

TEST(TrustedClock, HasNoTimeWithoutAnAnchor) {
  TrustedClock clock;
  EXPECT_TRUE(clock.wants_anchor(kStart));
  EXPECT_TRUE(clock.now(kStart).error().is(TrustedClockErrc::no_anchor));
}

TEST(TrustedClock, CarriesTheAnchorForItsLifeOnly) {
  TrustedClock clock = anchored();
  EXPECT_EQ(clock.now(kStart).value(), kWall);
  EXPECT_EQ(clock.now(kStart + 90s).value(), kWall + 90s);
  EXPECT_EQ(clock.now(kStart + 10min).value(), kWall + 10min);
  EXPECT_TRUE(clock.now(kStart + 10min + 1ms).error().is(TrustedClockErrc::anchor_expired));
  EXPECT_TRUE(clock.anchor(kWall + 11min, kStart + 11min, kStart + 11min));
  EXPECT_EQ(clock.now(kStart + 11min).value(), kWall + 11min);
}

TEST(TrustedClock, WantsANewAnchorLongBeforeTheOldOneExpires) {
  const TrustedClock clock = anchored();
  EXPECT_FALSE(clock.wants_anchor(kStart + (5min - 1ms)));
  EXPECT_TRUE(clock.wants_anchor(kStart + 5min));
}

TEST(TrustedClock, CountsTheReadingFromTheMomentOfAsking) {
  TrustedClock clock;
  ASSERT_TRUE(clock.anchor(kWall, kStart, kStart + 3s));
  EXPECT_EQ(clock.now(kStart + 3s).value(), kWall + 3s);
}

TEST(TrustedClock, RefusesASlowReadingAndKeepsTheOldAnchor) {
  TrustedClock clock = anchored();
  const auto slow = clock.anchor(kWall + 60s, kStart + 60s, kStart + 65s + 1ms);
  EXPECT_TRUE(slow.error().is(TrustedClockErrc::anchor_too_slow));
  EXPECT_EQ(clock.now(kStart + 70s).value(), kWall + 70s);
}

TEST(TrustedClock, StandsStillWhereTheNewAnchorIsALittleBehind) {
  TrustedClock clock = anchored();
  ASSERT_EQ(clock.now(kStart + 60s).value(), kWall + 60s);
  ASSERT_TRUE(clock.anchor(kWall + 58s, kStart + 60s, kStart + 60s));
  EXPECT_EQ(clock.now(kStart + 61s).value(), kWall + 60s);
  EXPECT_EQ(clock.now(kStart + 63s).value(), kWall + 61s);
}

TEST(TrustedClock, RefusesTimeThatWentBack) {
  TrustedClock clock = anchored();
  ASSERT_TRUE(clock.now(kStart + 60s));
  const auto back = clock.anchor(kWall + 58s - 1ms, kStart + 60s, kStart + 60s);
  EXPECT_TRUE(back.error().is(TrustedClockErrc::time_went_back));
  EXPECT_EQ(clock.now(kStart + 61s).value(), kWall + 61s);
  EXPECT_TRUE(clock.now(kStart + 10min + 1ms).error().is(TrustedClockErrc::anchor_expired));
}

TEST(TrustedClock, TakesAStepForward) {
  TrustedClock clock = anchored();
  ASSERT_TRUE(clock.anchor(kWall + 24h, kStart + 60s, kStart + 60s));
  EXPECT_EQ(clock.now(kStart + 60s).value(), kWall + 24h);
}

TEST(TrustedClock, RefusesAMonotonicClockThatWentBack) {
  TrustedClock clock = anchored();
  EXPECT_TRUE(clock.now(MonotonicMillis{4'999}).error().is(TrustedClockErrc::monotonic_went_back));
  EXPECT_TRUE(clock.anchor(kWall, kStart + 2s, kStart + 1s)
                  .error()
                  .is(TrustedClockErrc::monotonic_went_back));
  EXPECT_TRUE(clock.anchor(kWall, MonotonicMillis{1}, kStart)
                  .error()
                  .is(TrustedClockErrc::monotonic_went_back));
}

TEST(AnchorFromNsm, ReadsTheModulesOwnDocument) {
  const auto pki = lab::Pki::create(kWall).value();
  lab::SoftwareNsm nsm(*pki, {}, [] { return kWall + 1s; });
  TrustedClock clock;
  MonotonicMillis ticking = kStart;
  const base::Status anchored_now = anchor_from_nsm(clock, nsm, [&] {
    const MonotonicMillis at = ticking;
    ticking = ticking + 10ms;
    return at;
  });
  ASSERT_TRUE(anchored_now) << anchored_now.error().to_string();
  EXPECT_EQ(clock.now(kStart + 10ms).value(), kWall + 1s + 10ms);
}

TEST(AnchorFromNsm, AsksForADocumentThatServesNothingElse) {
  FakeNsm nsm;
  TrustedClock clock;
  const base::Status status = anchor_from_nsm(clock, nsm, [] { return kStart; });
  EXPECT_FALSE(status) << "the fake's document is no document";
  EXPECT_EQ(nsm.calls, 1);
  const auto& asked = nsm.last_attestation;
  EXPECT_FALSE(asked.user_data || asked.nonce || asked.public_key);
  EXPECT_TRUE(clock.now(kStart).error().is(TrustedClockErrc::no_anchor));
}

TEST(AnchorFromNsm, HandsOnTheModulesFailure) {
  FakeNsm nsm;
  nsm.fail_call = 1;
  TrustedClock clock;
  const base::Status status = anchor_from_nsm(clock, nsm, [] { return kStart; });
  EXPECT_TRUE(status.error().is(nsm::Errc::internal_error));
}

}  // namespace
}  // namespace concordat::attest
