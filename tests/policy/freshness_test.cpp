// Freshness statements: who may make them, for what, for how long; and a policy that wants one.
#include "policy/freshness.hpp"

#include <gtest/gtest.h>

#include "policy/errc.hpp"
#include "policy/limits.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::UnixMillis;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::kNow;

constexpr seconds kMaxAge{60};

class FreshnessTest : public testing::Test {
 protected:
  [[nodiscard]] std::string text(std::uint64_t serial = 1) const {
    return test::with_freshness(test::sample_policy(authority_.descriptor(), serial), key_,
                                kMaxAge);
  }
  [[nodiscard]] base::Bytes envelope(std::uint64_t serial = 1) const {
    return authority_.sign(text(serial)).encode();
  }
  [[nodiscard]] base::Bytes statement(const Policy& policy, UnixMillis time) const {
    return sign_freshness(policy, time, key_).value().encode();
  }
  [[nodiscard]] static Error refusal(base::BytesView statement, const Policy& policy,
                                     UnixMillis now = kNow) {
    const auto verified = FreshnessStatement::verify(statement, policy, now);
    return verified ? Error() : verified.error();
  }

  test::TestAuthority authority_;
  SigningKey key_ = test::freshness_key();
  PolicyPtr policy_ = test::signed_policy(authority_, text());
};

TEST_F(FreshnessTest, SaysWhatWasSigned) {
  const auto fields = peek_freshness(statement(*policy_, kNow)).value();
  EXPECT_EQ(fields.realm, test::kRealm);
  EXPECT_EQ(fields.serial, 1u);
  EXPECT_EQ(fields.digest, policy_->digest());
  EXPECT_EQ(fields.time, kNow);
  EXPECT_EQ(FreshnessStatement::verify(statement(*policy_, kNow), *policy_, kNow)->time(), kNow);
}

TEST_F(FreshnessTest, OnlyTheKeyOfThePolicyCountsAndItCountsAlone) {
  const std::string payload = encode_freshness({test::kRealm, 1, policy_->digest(), kNow});
  // All signers of the authority together.
  EXPECT_TRUE(refusal(authority_.sign(payload, {0, 1, 2}, kFreshnessPayloadType).encode(), *policy_)
                  .is(FreshnessErrc::not_signed));
  Envelope accompanied = sign_freshness(*policy_, kNow, key_).value();
  ASSERT_TRUE(add_signature(accompanied, authority_.key(0)));
  EXPECT_TRUE(refusal(accompanied.encode(), *policy_).is(FreshnessErrc::not_signed));
  Envelope forged = sign_freshness(*policy_, kNow, key_).value();
  forged.signatures[0].signature.mutable_view()[5] ^= 1;
  EXPECT_TRUE(refusal(forged.encode(), *policy_).is(FreshnessErrc::not_signed));
}

TEST_F(FreshnessTest, TheKeySignsNothingElse) {
  // As a policy: too few signatures, however often it signs.
  Envelope as_policy{std::string(kPolicyPayloadType), base::to_bytes(base::as_bytes(text(2))), {}};
  ASSERT_TRUE(add_signature(as_policy, key_));
  EXPECT_TRUE(SignedPolicy::verify(as_policy.encode(), authority_.descriptor(), kNow)
                  .error()
                  .is(SignatureErrc::too_few_signatures));
  // A statement under the payload type of policies is none.
  Envelope other_type = sign_freshness(*policy_, kNow, key_).value();
  other_type.payload_type = kPolicyPayloadType;
  ASSERT_TRUE(add_signature(other_type, key_));
  EXPECT_TRUE(refusal(other_type.encode(), *policy_).is(SignatureErrc::wrong_payload_type));
}

TEST_F(FreshnessTest, IsForExactlyOnePolicy) {
  const auto next = test::signed_policy(authority_, text(2));
  const auto mixed = test::signed_policy(
      authority_, test::replaced(text(), "\"seconds\": 3600", "\"seconds\": 3601"));
  EXPECT_TRUE(refusal(statement(*next, kNow), *policy_).is(FreshnessErrc::other_policy));
  EXPECT_TRUE(refusal(statement(*mixed, kNow), *policy_).is(FreshnessErrc::other_policy))
      << "the same serial, another digest";
  Envelope other_realm{std::string(kFreshnessPayloadType),
                       base::to_bytes(base::as_bytes(
                           encode_freshness({"other.example", 1, policy_->digest(), kNow}))),
                       {}};
  ASSERT_TRUE(add_signature(other_realm, key_));
  EXPECT_TRUE(refusal(other_realm.encode(), *policy_).is(FreshnessErrc::other_policy));
  const auto plain = test::signed_policy(authority_);
  EXPECT_TRUE(refusal(statement(*plain, kNow), *plain).is(FreshnessErrc::not_wanted));
}

TEST_F(FreshnessTest, CountsFromALittleBeforeItsTimeToBeforeItsAge) {
  const auto made = statement(*policy_, kNow);
  const milliseconds ms(1);
  EXPECT_TRUE(refusal(made, *policy_, kNow - seconds(30) - ms).is(FreshnessErrc::in_future));
  EXPECT_FALSE(refusal(made, *policy_, kNow - seconds(30)).code());
  EXPECT_FALSE(refusal(made, *policy_, kNow + kMaxAge - ms).code());
  EXPECT_TRUE(refusal(made, *policy_, kNow + kMaxAge).is(FreshnessErrc::too_old));
}

TEST_F(FreshnessTest, HostileBytesAreRefused) {
  const auto malformed = [&](const std::string& payload) {
    Envelope envelope{
        std::string(kFreshnessPayloadType), base::to_bytes(base::as_bytes(payload)), {}};
    EXPECT_TRUE(add_signature(envelope, key_));
    return refusal(envelope.encode(), *policy_);
  };
  const std::string good = encode_freshness({test::kRealm, 1, policy_->digest(), kNow});
  EXPECT_FALSE(malformed(good).code());
  for (const std::string& bad : {std::string("{}"), std::string("[]"), good + " {}",
                                 test::replaced(good, "\"serial\":1", "\"serial\":0"),
                                 test::replaced(good, "\"time\":\"2", "\"time\":\"x"),
                                 test::replaced(good, "{\"format\"", "{\"more\":1,\"format\""),
                                 test::replaced(good, "freshness/1", "freshness/2")}) {
    EXPECT_TRUE(malformed(bad).is(FreshnessErrc::malformed)) << bad;
  }
  base::Bytes padded = statement(*policy_, kNow);
  padded.resize(limits::kStatementBytes, ' ');
  EXPECT_FALSE(refusal(padded, *policy_).code());
  padded.push_back(' ');
  EXPECT_TRUE(refusal(padded, *policy_).is(FreshnessErrc::malformed));
  EXPECT_TRUE(refusal(base::as_bytes("garbage"), *policy_).is(SignatureErrc::bad_envelope));
}

TEST_F(FreshnessTest, APolicyThatWantsStatementsIsNotObeyedWithout) {
  PolicyInForce in_force(authority_.descriptor());
  EXPECT_TRUE(in_force.install_freshness(statement(*policy_, kNow), kNow)
                  .error()
                  .is(SignatureErrc::no_policy));
  ASSERT_TRUE(in_force.install(envelope(), kNow));
  EXPECT_TRUE(in_force.at(kNow).error().is(FreshnessErrc::missing));
  EXPECT_EQ(in_force.install_freshness(statement(*policy_, kNow), kNow).value(),
            Installation::replaced);
  EXPECT_TRUE(in_force.at(kNow).has_value());
  EXPECT_TRUE(in_force.at(kNow + kMaxAge - milliseconds(1)).has_value());
  EXPECT_TRUE(in_force.at(kNow + kMaxAge).error().is(FreshnessErrc::too_old));
  // The next one brings it back.
  const UnixMillis later = kNow + kMaxAge;
  ASSERT_TRUE(in_force.install_freshness(statement(*policy_, later), later));
  EXPECT_TRUE(in_force.at(later).has_value());
}

TEST_F(FreshnessTest, AnOlderStatementNeverReplacesANewerOne) {
  PolicyInForce in_force(authority_.descriptor());
  ASSERT_TRUE(in_force.install(envelope(), kNow));
  ASSERT_TRUE(in_force.install_freshness(statement(*policy_, kNow), kNow));
  EXPECT_TRUE(in_force.install_freshness(statement(*policy_, kNow - seconds(10)), kNow)
                  .error()
                  .is(FreshnessErrc::older));
  EXPECT_EQ(in_force.install_freshness(statement(*policy_, kNow), kNow).value(),
            Installation::already_in_force);
  EXPECT_TRUE(in_force.at(kNow + kMaxAge - milliseconds(1)).has_value())
      << "the newer one still counts";
}

TEST_F(FreshnessTest, ANewerPolicyNeedsAStatementOfItsOwn) {
  PolicyInForce in_force(authority_.descriptor());
  ASSERT_TRUE(in_force.install(envelope(), kNow));
  ASSERT_TRUE(in_force.install_freshness(statement(*policy_, kNow), kNow));
  const auto next = test::signed_policy(authority_, text(2));
  // It comes first: kept aside, and nothing changes.
  EXPECT_TRUE(in_force.install_freshness(statement(*next, kNow), kNow)
                  .error()
                  .is(FreshnessErrc::other_policy));
  EXPECT_TRUE(in_force.at(kNow).has_value());
  ASSERT_TRUE(in_force.install(envelope(2), kNow));
  EXPECT_EQ(in_force.at(kNow).value()->serial(), 2u);
  // Nothing was kept aside for the one after.
  ASSERT_TRUE(in_force.install(envelope(3), kNow));
  EXPECT_TRUE(in_force.at(kNow).error().is(FreshnessErrc::missing));
}

TEST_F(FreshnessTest, NoStatementOutlivesTheValidity) {
  PolicyInForce in_force(authority_.descriptor());
  ASSERT_TRUE(in_force.install(envelope(), kNow));
  const auto end = policy_->valid_until();
  ASSERT_TRUE(in_force.install_freshness(statement(*policy_, end - seconds(1)), end - seconds(1)));
  EXPECT_TRUE(in_force.at(end).error().is(SignatureErrc::expired));
}

}  // namespace
}  // namespace concordat::policy
