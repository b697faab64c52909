// When KMS is asked again, after how long, and when not.
#include "keyservice/kms_attempts.hpp"

#include <gtest/gtest.h>

#include "keyservice/error.hpp"
#include "keyservice/kms.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Every byte the same: 0xff gives the whole back-off, 0 none of it.
class ConstantRandom final : public base::RandomSource {
 public:
  explicit ConstantRandom(std::uint8_t byte) : byte_(byte) {}
  void fill(std::span<std::uint8_t> out) override { std::ranges::fill(out, byte_); }

 private:
  std::uint8_t byte_;
};

constexpr base::MonotonicMillis kStart{1'000'000};
const Error kThrottled(KmsErrc::throttled);

TEST(Backoff, DoublesUpToItsLongestAndBeginsAnew) {
  ConstantRandom whole(0xff);
  Backoff backoff(milliseconds(100), milliseconds(350));
  for (const int wanted : {100, 200, 350, 350})
    EXPECT_EQ(backoff.next(whole), milliseconds(wanted));
  backoff.reset();
  EXPECT_EQ(backoff.next(whole), milliseconds(100));
}

TEST(Backoff, FullJitterReachesFromNothingToTheWhole) {
  ConstantRandom none(0);
  ConstantRandom half(0x80);
  Backoff backoff(milliseconds(100), milliseconds(100));
  EXPECT_EQ(backoff.next(none), milliseconds(0));
  EXPECT_EQ(backoff.next(half), milliseconds(50));
}

TEST(KmsAttempts, WhatMayPassIsRepeatedAndTheRestIsTheAnswer) {
  ConstantRandom random(0xff);
  const auto repeated = [&](const Error& error) {
    return KmsAttempts(kStart, random).pause_after(error, kStart).has_value();
  };
  for (const KmsErrc code :
       {KmsErrc::throttled, KmsErrc::service_unavailable, KmsErrc::unreachable}) {
    EXPECT_TRUE(repeated(Error(code))) << describe(code).name;
  }
  EXPECT_TRUE(repeated(Error(Errc::parent_failed))) << "the parent had no credentials yet";
  EXPECT_TRUE(repeated(Error(Errc::timed_out)));
  for (const KmsErrc code :
       {KmsErrc::bad_argument, KmsErrc::reply_malformed, KmsErrc::reply_too_large,
        KmsErrc::reply_wrong_key, KmsErrc::reply_has_plaintext, KmsErrc::access_denied,
        KmsErrc::invalid_ciphertext, KmsErrc::incorrect_key, KmsErrc::key_unavailable,
        KmsErrc::request_invalid, KmsErrc::service_error}) {
    EXPECT_FALSE(repeated(Error(code))) << describe(code).name;
  }
  EXPECT_FALSE(repeated(Error(policy::KmsKeyArnErrc::bad_key_arn)));
  EXPECT_FALSE(repeated(Error(Errc::wrong_root)));
  EXPECT_FALSE(repeated(Error(Errc::store_failed)));
}

TEST(KmsAttempts, RefusedCredentialsAreRenewedOnce) {
  ConstantRandom random(0xff);
  KmsAttempts attempts(kStart, random);
  EXPECT_TRUE(attempts.pause_after(Error(KmsErrc::credentials_refused), kStart));
  EXPECT_TRUE(attempts.pause_after(kThrottled, kStart));
  EXPECT_FALSE(attempts.pause_after(Error(KmsErrc::credentials_refused), kStart));
}

TEST(KmsAttempts, PausesGrowAndTheWholeIsBounded) {
  ConstantRandom random(0xff);
  KmsAttempts attempts(kStart, random);
  base::MonotonicMillis now = kStart;
  milliseconds last{0};
  int count = 0;
  while (const auto pause = attempts.pause_after(kThrottled, now)) {
    EXPECT_LE(*pause, kKmsLongestPause);
    const bool is_last = now + *pause == kStart + kKmsPatience;
    EXPECT_TRUE(*pause == kKmsLongestPause || *pause > last || is_last) << count;
    last = *pause;
    now = now + *pause;
    ++count;
  }
  EXPECT_EQ(now, kStart + kKmsPatience);
  EXPECT_GE(count, 10);
}

TEST(KmsAttempts, TimeThatAttemptsTookCountsToo) {
  ConstantRandom random(0xff);
  KmsAttempts attempts(kStart, random);
  EXPECT_EQ(attempts.pause_after(kThrottled, kStart + (kKmsPatience - milliseconds(3))),
            milliseconds(3));
  EXPECT_FALSE(attempts.pause_after(kThrottled, kStart + kKmsPatience));
}

}  // namespace
}  // namespace concordat::keyservice
