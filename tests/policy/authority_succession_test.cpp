// From one authority to the next: the old threshold decides, within the realm, upwards only.
#include "policy/authority_succession.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "policy/errc.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using attest::AuthorityDescriptor;
using test::TestAuthority;
using testing::HasSubstr;

AuthorityDescriptor descriptor(std::vector<SignerKey> signers, unsigned threshold,
                               std::uint64_t epoch, std::string realm = test::kRealm) {
  return AuthorityDescriptor::create({std::move(realm), std::move(signers), threshold, epoch})
      .value();
}

class AuthoritySuccession : public testing::Test {
 protected:
  [[nodiscard]] base::Bytes signed_by(const std::vector<std::size_t>& signers,
                                      base::BytesView payload,
                                      std::string_view type = kSuccessionPayloadType) const {
    return old_.sign(base::as_text(payload), signers, type).encode();
  }
  [[nodiscard]] base::Bytes signed_by(const std::vector<std::size_t>& signers,
                                      const AuthorityDescriptor& successor) const {
    return signed_by(signers, Succession{old_.descriptor().digest(), successor}.encode());
  }
  template <class Code>
  void expect_refused(base::BytesView envelope, Code wanted) const {
    const auto successor = verify_succession(envelope, old_.descriptor());
    ASSERT_FALSE(successor.has_value());
    EXPECT_TRUE(successor.error().is(wanted)) << successor.error().to_string();
  }

  TestAuthority old_;
  TestAuthority next_{2, 50};  // other signers, a higher epoch
};

TEST_F(AuthoritySuccession, IsDecidedByTheOldThresholdInAnyOrder) {
  for (unsigned subset = 0; subset < 8; ++subset) {
    std::vector<std::size_t> signers;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((subset >> i & 1) != 0) signers.insert(signers.begin(), i);
    }
    const auto successor =
        verify_succession(signed_by(signers, next_.descriptor()), old_.descriptor());
    EXPECT_EQ(successor.has_value(), signers.size() >= 2) << subset;
    if (successor) {
      EXPECT_EQ(successor->digest(), next_.descriptor().digest());
    }
  }
}

TEST_F(AuthoritySuccession, IsNotDecidedByTheNewSigners) {
  const auto proposed = propose_succession(old_.descriptor(), next_.descriptor()).value();
  const base::Bytes envelope =
      next_.sign(base::as_text(proposed.payload), {0, 1, 2}, kSuccessionPayloadType).encode();
  expect_refused(envelope, SignatureErrc::too_few_signatures);
}

TEST_F(AuthoritySuccession, OneSignerManyTimesCountsOnce) {
  Envelope envelope =
      old_.sign(base::as_text(Succession{old_.descriptor().digest(), next_.descriptor()}.encode()),
                {0}, kSuccessionPayloadType);
  envelope.signatures.resize(3, envelope.signatures[0]);
  expect_refused(envelope.encode(), SignatureErrc::too_few_signatures);
}

TEST_F(AuthoritySuccession, GoesUpwardsOnly) {
  const auto signers = old_.descriptor().signers();
  const TestAuthority fifth(5);
  for (const std::uint64_t epoch : {1, 4, 5}) {
    const auto older = descriptor(signers, 1, epoch);
    EXPECT_TRUE(
        propose_succession(fifth.descriptor(), older).error().is(SuccessionErrc::epoch_not_higher));
    const base::Bytes payload = Succession{fifth.descriptor().digest(), older}.encode();
    const base::Bytes envelope =
        fifth.sign(base::as_text(payload), {0, 1, 2}, kSuccessionPayloadType).encode();
    EXPECT_TRUE(verify_succession(envelope, fifth.descriptor())
                    .error()
                    .is(SuccessionErrc::epoch_not_higher))
        << epoch;
  }
  const auto higher = descriptor(signers, 1, 9);
  EXPECT_TRUE(propose_succession(fifth.descriptor(), higher));
}

TEST_F(AuthoritySuccession, StaysInItsRealm) {
  const auto elsewhere = descriptor(old_.descriptor().signers(), 2, 2, "other.example");
  EXPECT_TRUE(
      propose_succession(old_.descriptor(), elsewhere).error().is(SuccessionErrc::other_realm));
  expect_refused(signed_by({0, 1}, elsewhere), SuccessionErrc::other_realm);
}

// The same signers sign for several authorities of a realm, one after the other.
TEST_F(AuthoritySuccession, NamesTheAuthorityThatItSucceeds) {
  const TestAuthority other(1, 1);
  const auto third = descriptor(old_.descriptor().signers(), 2, 3);
  const auto second = descriptor(old_.descriptor().signers(), 2, 2);
  expect_refused(signed_by({0, 1}, Succession{second.digest(), third}.encode()),
                 SuccessionErrc::other_authority);
}

TEST_F(AuthoritySuccession, IsNoPolicyAndAPolicyIsNoSuccession) {
  const base::Bytes payload = Succession{old_.descriptor().digest(), next_.descriptor()}.encode();
  expect_refused(signed_by({0, 1}, payload, kPolicyPayloadType), SignatureErrc::wrong_payload_type);
  EXPECT_TRUE(SignedPolicy::verify(signed_by({0, 1}, payload), old_.descriptor(), test::kNow)
                  .error()
                  .is(SignatureErrc::wrong_payload_type));
  // A type under which it was not signed.
  Envelope relabelled = Envelope::parse(signed_by({0, 1}, payload, kPolicyPayloadType)).value();
  relabelled.payload_type = kSuccessionPayloadType;
  expect_refused(relabelled.encode(), SignatureErrc::too_few_signatures);
}

TEST_F(AuthoritySuccession, SignaturesComeBeforeThePayload) {
  const base::Bytes garbage{1, 2, 3};
  expect_refused(signed_by({0}, garbage), SignatureErrc::too_few_signatures);
  expect_refused(signed_by({0, 1}, garbage), SuccessionErrc::malformed);
  expect_refused(garbage, SignatureErrc::bad_envelope);
}

TEST_F(AuthoritySuccession, HasOneEncoding) {
  const base::Bytes good = Succession{old_.descriptor().digest(), next_.descriptor()}.encode();
  const auto parsed = Succession::parse(good).value();
  EXPECT_EQ(parsed.authority, old_.descriptor().digest());
  EXPECT_EQ(parsed.successor.encoded(), next_.descriptor().encoded());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(
        Succession::parse(base::BytesView(good).first(size)).error().is(SuccessionErrc::malformed))
        << size;
  }
  base::Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(Succession::parse(longer));

  const auto written = [&](const auto& write) {
    base::cbor::Writer writer;
    write(writer);
    return std::move(writer).take();
  };
  const base::BytesView digest = old_.descriptor().digest().view();
  const base::BytesView successor = next_.descriptor().encoded();
  using Writer = base::cbor::Writer;
  const base::Bytes cases[] = {
      written([&](Writer& w) { w.array(2).bytes(digest).bytes(successor); }),
      written([&](Writer& w) {
        w.map(2).text("successor").bytes(successor).text("authority").bytes(digest);
      }),
      written([&](Writer& w) { w.map(1).text("authority").bytes(digest); }),
      written([&](Writer& w) {
        w.map(3).text("authority").bytes(digest).text("successor").bytes(successor);
        w.text("zzz").uint(1);
      }),
      written([&](Writer& w) {
        w.map(2).text("authority").bytes(digest.first(47)).text("successor").bytes(successor);
      }),
      written([&](Writer& w) {
        w.map(2).text("authority").bytes(digest).text("successor").bytes(base::Bytes());
      }),
      written([&](Writer& w) {
        w.map(2).text("authority").bytes(digest).text("successor").text("descriptor");
      }),
      written([&](Writer& w) {
        w.map(2)
            .text("authority")
            .bytes(digest)
            .text("successor")
            .bytes(base::Bytes(attest::kMaxDescriptorSize + 1));
      }),
  };
  for (const base::Bytes& bytes : cases)
    EXPECT_TRUE(Succession::parse(bytes).error().is(SuccessionErrc::malformed))
        << base::to_hex(bytes);
}

TEST_F(AuthoritySuccession, SaysWhatChanges) {
  const auto& signers = old_.descriptor().signers();
  const SignerKey joining = next_.key(0).public_key();
  const auto changed =
      descriptor({signers[0], signers[2], joining, next_.key(1).public_key()}, 3, 4);
  EXPECT_THAT(
      describe_change(old_.descriptor(), changed),
      testing::UnorderedElementsAre("signer " + key_id(joining) + " joins",
                                    "signer " + key_id(next_.key(1).public_key()) + " joins",
                                    "signer " + key_id(signers[1]) + " leaves",
                                    "3 of 4 signers decide, before 2 of 3", "epoch 4, before 1"));
  EXPECT_THAT(describe_change(old_.descriptor(), descriptor(signers, 2, 2)),
              testing::ElementsAre("epoch 2, before 1"));
}

TEST_F(AuthoritySuccession, SaysWhatMustBeDoneAgain) {
  const auto& from = old_.descriptor();
  const auto& to = next_.descriptor();
  const auto steps = redo_after_change(from.digest(), to.digest());
  std::vector<std::string_view> names;
  for (const RedoStep& step : steps)
    names.push_back(step.name);
  ASSERT_THAT(names, testing::ElementsAre("policy", "kms_key_policy", "restart", "unseal_check"));
  EXPECT_THAT(steps[0].text, HasSubstr(to.digest().hex()));
  EXPECT_THAT(steps[1].text, HasSubstr("for PCR16 " + to.pcr16().hex()));
  EXPECT_THAT(steps[1].text, HasSubstr("no longer for PCR16 " + from.pcr16().hex()));
  EXPECT_TRUE(redo_after_change(from.digest(), from.digest()).empty());
}

}  // namespace
}  // namespace concordat::policy
