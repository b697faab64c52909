// From envelope to policy in force: authority, realm, validity, serial.
#include "policy/signed_policy.hpp"

#include <gtest/gtest.h>

#include "policy/authority_succession.hpp"
#include "policy/errc.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::kNow;
using test::replaced;
using test::sample_policy;
using test::TestAuthority;

base::Error refusal(const TestAuthority& authority, std::string_view payload,
                    base::UnixMillis now = kNow) {
  const auto policy =
      SignedPolicy::verify(authority.sign(payload).encode(), authority.descriptor(), now);
  return policy ? base::Error() : policy.error();
}

TEST(SignedPolicy, KeepsWhatWasSignedByteByByte) {
  const TestAuthority authority;
  const std::string text = sample_policy(authority.descriptor(), 7);
  const base::Bytes envelope = authority.sign(text).encode();
  const auto policy = SignedPolicy::verify(envelope, authority.descriptor(), kNow).value();
  EXPECT_EQ(policy->serial(), 7u);
  EXPECT_EQ(policy->digest(), base::sha256({base::as_bytes(text)}));
  EXPECT_EQ(policy->envelope(), envelope);
  EXPECT_EQ(policy->authority(), authority.descriptor().digest());
  EXPECT_EQ(policy->document_max_age(), std::chrono::minutes(5));
  EXPECT_EQ(policy->channel_life().records, 1048576u);
}

TEST(SignedPolicy, RefusesAnotherAuthorityEvenWithTheSameSigners) {
  const TestAuthority authority;
  const TestAuthority next_epoch(2);
  // Signed by the very same keys, which both authorities name.
  EXPECT_TRUE(refusal(next_epoch, sample_policy(authority.descriptor()))
                  .is(SignatureErrc::authority_differs));
  EXPECT_TRUE(refusal(authority, replaced(sample_policy(authority.descriptor()), test::kRealm,
                                          "other.example"))
                  .is(SignatureErrc::realm_differs));
}

TEST(SignedPolicy, SignaturesComeBeforeThePayload) {
  const TestAuthority authority;
  const auto unsigned_garbage =
      SignedPolicy::verify(authority.sign("garbage", {0}).encode(), authority.descriptor(), kNow);
  EXPECT_TRUE(unsigned_garbage.error().is(SignatureErrc::too_few_signatures));
  EXPECT_TRUE(refusal(authority, "garbage").is(PolicyErrc::not_json));
}

TEST(SignedPolicy, IsValidFromItsFirstToBeforeItsLastMillisecond) {
  const TestAuthority authority;
  const std::string text = sample_policy(authority.descriptor());
  const auto from = base::parse_rfc3339("2026-01-01T00:00:00Z").value();
  const auto until = base::parse_rfc3339("2026-01-31T00:00:00Z").value();
  const auto ms = std::chrono::milliseconds(1);
  EXPECT_TRUE(refusal(authority, text, from - ms).is(SignatureErrc::not_yet_valid));
  EXPECT_FALSE(refusal(authority, text, from).code());
  EXPECT_FALSE(refusal(authority, text, until - ms).code());
  EXPECT_TRUE(refusal(authority, text, until).is(SignatureErrc::expired));
}

TEST(PolicyInForce, TakesOnlyHigherSerials) {
  const TestAuthority authority;
  PolicyInForce in_force(authority.descriptor());
  EXPECT_TRUE(in_force.at(kNow).error().is(SignatureErrc::no_policy));
  const auto offer = [&](std::string_view payload) {
    return in_force.install(authority.sign(payload).encode(), kNow);
  };
  const std::string five = sample_policy(authority.descriptor(), 5);
  EXPECT_EQ(offer(five).value(), Installation::replaced);
  EXPECT_EQ(offer(five).value(), Installation::already_in_force);
  // Other signers of the same payload make no other policy.
  EXPECT_EQ(in_force.install(authority.sign(five, {2, 1}).encode(), kNow).value(),
            Installation::already_in_force);
  EXPECT_TRUE(
      offer(sample_policy(authority.descriptor(), 4)).error().is(SignatureErrc::serial_lower));
  EXPECT_TRUE(offer(replaced(five, "\"seconds\": 3600", "\"seconds\": 3601"))
                  .error()
                  .is(SignatureErrc::serial_conflict));
  EXPECT_EQ(in_force.latest()->serial(), 5u);
  EXPECT_EQ(offer(sample_policy(authority.descriptor(), 6)).value(), Installation::replaced);
  EXPECT_EQ(in_force.at(kNow).value()->serial(), 6u);
}

// A parent may hand an enclave the policy of a changed authority: of other signers, or of the same.
TEST(PolicyInForce, SaysWhatToRedoForAnotherAuthority) {
  const TestAuthority authority;
  const TestAuthority next_epoch(2);
  const TestAuthority other_signers(2, 50);
  PolicyInForce in_force(authority.descriptor());
  const auto refusal_of = [&](const TestAuthority& other) {
    return in_force.install(other.sign(sample_policy(other.descriptor(), 9)).encode(), kNow)
        .error();
  };
  const base::Error same_signers = refusal_of(next_epoch);
  EXPECT_TRUE(same_signers.is(SignatureErrc::authority_differs));
  EXPECT_EQ(same_signers.detail(),
            "the policy names " + next_epoch.descriptor().digest().hex() + ", this authority is " +
                authority.descriptor().digest().hex() + "; " + std::string(kRedoForEnclave));
  const base::Error others = refusal_of(other_signers);
  EXPECT_TRUE(others.is(SignatureErrc::too_few_signatures));
  EXPECT_TRUE(others.detail().ends_with("if others sign now: " + std::string(kRedoForEnclave)));
  EXPECT_EQ(in_force.latest(), nullptr);
}

TEST(PolicyInForce, SaysWhenItHasExpired) {
  const TestAuthority authority;
  PolicyInForce in_force(authority.descriptor());
  ASSERT_TRUE(
      in_force.install(authority.sign(sample_policy(authority.descriptor())).encode(), kNow));
  const auto until = base::parse_rfc3339("2026-01-31T00:00:00Z").value();
  EXPECT_TRUE(in_force.at(until).error().is(SignatureErrc::expired));
}

}  // namespace
}  // namespace concordat::policy
