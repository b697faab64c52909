// Boot, genesis and unsealing with a parent and a KMS that do as the test says: every call fails in
// turn, and every lie of the parent is refused.
#include "keyservice/boot.hpp"

#include <gtest/gtest.h>

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/document.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "policy/authority_succession.hpp"
#include "policy/errc.hpp"
#include "tests/keyservice/outside.hpp"
#include "tests/support/party_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using test::Calls;
using test::FakeKms;
using test::FakeParent;

class BootTest : public testing::Test {
 protected:
  BootTest() {
    parent_.descriptor = world_.authority.descriptor().encoded();
    parent_.envelope = world_.envelope(1);
    parent_.store[kGenesisChallengeName] = Bytes(32, 0x11);
  }
  Result<std::unique_ptr<Enclave>> boot() {
    return boot_enclave(enclave_.nsm(), parent_,
                        [this] { return base::MonotonicMillis{world_.wall.value}; });
  }
  // The sample policy with this commitment pinned as generation 1.
  void pin(const RootCommitment& commitment) {
    const std::string pinned = R"("generations": [{"generation": 1, "state": "current", )"
                               R"("commitment": ")" +
                               commitment.hex() + "\"}]";
    const std::string text = test::replaced(test::sample_policy(world_.authority.descriptor(), 2),
                                            "\"generations\": []", pinned);
    parent_.envelope = world_.authority.sign(text).encode();
  }
  RootCommitment commitment() { return Root::create(1, kms_.root.clone()).value().commitment(); }

  std::vector<std::string> told_;
  Calls calls_;
  test::TestWorld world_;
  test::TestEnclave enclave_{world_, "custodian-1", "custodian"};
  FakeParent parent_{calls_};
  FakeKms kms_{calls_};
  // A KMS that fails is waited for on the test's own clock.
  KmsPause pause_{world_.random, [this](const Error& why, std::chrono::milliseconds pause) {
                    told_.emplace_back(why.name());
                    world_.wall = world_.wall + pause;
                  }};
};

TEST_F(BootTest, GenesisStoresBlobAndDocumentAndKeepsNoRoot) {
  const auto enclave = boot().value();
  const GenesisStatement statement = perform_genesis(*enclave, kms_, pause_).value();
  EXPECT_EQ(statement.commitment, commitment());
  EXPECT_EQ(statement.blob_digest, base::sha256({Bytes(64, 3)}));
  EXPECT_EQ(parent_.store.at("root-1"), Bytes(64, 3));
  const auto document = attest::UnverifiedDocument::parse(parent_.store.at("genesis-1")).value();
  const auto items =
      attest::check_purpose(attest::Purpose::genesis, {*document.unverified().user_data, {}, {}});
  EXPECT_EQ(items.value().count, 6u);
  EXPECT_EQ(statement.generation, 1u);
  EXPECT_EQ(kms_.contexts.at(0).at("concordat:realm"), test::kRealm);
}

TEST_F(BootTest, UnsealsWhatThePolicyPins) {
  ASSERT_TRUE(perform_genesis(*boot().value(), kms_, pause_));
  pin(commitment());
  const Root root = unseal_root(*boot().value(), kms_).value();
  EXPECT_EQ(root.commitment(), commitment());
}

TEST_F(BootTest, AnotherRootThanPinnedIsRefused) {
  ASSERT_TRUE(perform_genesis(*boot().value(), kms_, pause_));
  pin(commitment());
  kms_.root = base::SecretBytes::random(kRootSize);
  EXPECT_TRUE(unseal_root(*boot().value(), kms_).error().is(Errc::wrong_root));
}

TEST_F(BootTest, AnswersOfAnotherKeyAreRefused) {
  kms_.key_id = "arn:aws:kms:us-east-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab";
  EXPECT_TRUE(perform_genesis(*boot().value(), kms_, pause_).error().is(KmsErrc::reply_wrong_key));
  EXPECT_FALSE(parent_.store.contains("root-1"));
}

TEST_F(BootTest, AnswersWithAPlaintextAreRefused) {
  kms_.plaintext = true;
  EXPECT_TRUE(
      perform_genesis(*boot().value(), kms_, pause_).error().is(KmsErrc::reply_has_plaintext));
  EXPECT_FALSE(parent_.store.contains("root-1"));

  kms_.plaintext = false;
  ASSERT_TRUE(perform_genesis(*boot().value(), kms_, pause_));
  pin(commitment());
  kms_.plaintext = true;
  EXPECT_TRUE(unseal_root(*boot().value(), kms_).error().is(KmsErrc::reply_has_plaintext));
}

TEST_F(BootTest, GenesisHappensOnceAndNeverUnderAPinnedRoot) {
  const auto enclave = boot().value();
  ASSERT_TRUE(perform_genesis(*enclave, kms_, pause_));
  EXPECT_TRUE(perform_genesis(*enclave, kms_, pause_).error().is(Errc::root_already_pinned));
  pin(commitment());
  parent_.store.erase("root-1");
  EXPECT_TRUE(perform_genesis(*boot().value(), kms_, pause_).error().is(Errc::root_already_pinned));
}

// A crash between its two files, or a hand that removed one of them.
TEST_F(BootTest, OfAGenesisThatWasCutShortItSaysWhatToRemove) {
  const auto enclave = boot().value();
  for (const std::string left : {"root-1", "genesis-1"}) {
    parent_.store[left] = Bytes{1};
    const auto refused = perform_genesis(*enclave, kms_, pause_);
    ASSERT_TRUE(refused.error().is(Errc::root_already_pinned)) << left;
    EXPECT_NE(refused.error().detail().find("remove '" + left + "' to"), std::string::npos);
    parent_.store.erase(left);
  }
  EXPECT_TRUE(perform_genesis(*enclave, kms_, pause_));
}

TEST_F(BootTest, WithoutAPinnedRootNothingIsUnsealed) {
  EXPECT_TRUE(unseal_root(*boot().value(), kms_).error().is(Errc::no_root_pinned));
}

TEST_F(BootTest, AnotherAuthorityThanMeasuredIsRefused) {
  const test::TestAuthority other(2, 50);
  parent_.descriptor = other.descriptor().encoded();
  EXPECT_TRUE(boot().error().is(attest::AuthorityErrc::other_authority));
}

TEST_F(BootTest, APolicyOfAnotherAuthorityIsRefused) {
  const test::TestAuthority other(2, 50);
  parent_.envelope = other.sign(test::sample_policy(other.descriptor(), 1)).encode();
  const auto refused = boot();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(policy::SignatureErrc::too_few_signatures));
  EXPECT_TRUE(refused.error().detail().ends_with(policy::kRedoForEnclave));
}

HttpReply refusal(unsigned status, const std::string& type) {
  return {status, {}, nlohmann::json{{"__type", type}}.dump()};
}

TEST_F(BootTest, AKmsThatFailsForAWhileIsAskedAgain) {
  kms_.troubles = {refusal(400, "ThrottlingException"), refusal(400, "LimitExceededException"),
                   refusal(500, "KMSInternalException"), Error(KmsErrc::unreachable)};
  ASSERT_TRUE(perform_genesis(*boot().value(), kms_, pause_));
  EXPECT_EQ(told_, (std::vector<std::string>{"throttled", "throttled", "service_unavailable",
                                             "kms_unreachable"}));
  EXPECT_EQ(parent_.credentials_given, 5) << "each attempt with the parent's newest";
}

TEST_F(BootTest, WhatWillNotPassEndsTheBootAtOnce) {
  kms_.troubles = {refusal(400, "AccessDeniedException")};
  EXPECT_TRUE(perform_genesis(*boot().value(), kms_, pause_).error().is(KmsErrc::access_denied));
  kms_.key_id = "arn:aws:kms:us-east-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab";
  EXPECT_TRUE(perform_genesis(*boot().value(), kms_, pause_).error().is(KmsErrc::reply_wrong_key));
  EXPECT_TRUE(told_.empty());
}

TEST_F(BootTest, AKmsThatGoesOnFailingIsGivenUp) {
  kms_.troubles.assign(1000, refusal(400, "ThrottlingException"));
  const auto started = world_.wall;
  EXPECT_TRUE(perform_genesis(*boot().value(), kms_, pause_).error().is(KmsErrc::throttled));
  EXPECT_EQ(world_.wall - started, kKmsPatience);
  EXPECT_FALSE(parent_.store.contains("root-1"));
}

TEST_F(BootTest, APolicyThatWantsFreshnessComesUpUnusableUntilAStatementComes) {
  const policy::SigningKey key = test::freshness_key();
  const std::string text = test::with_freshness(
      test::sample_policy(world_.authority.descriptor(), 1), key, std::chrono::seconds(60));
  parent_.envelope = world_.authority.sign(text).encode();
  const auto without = boot().value();
  EXPECT_TRUE(without->policies.at(world_.wall).error().is(policy::FreshnessErrc::missing));
  EXPECT_TRUE(perform_genesis(*without, kms_, pause_).error().is(policy::FreshnessErrc::missing));

  const auto policy = test::signed_policy(world_.authority, text);
  parent_.statement = policy::sign_freshness(*policy, world_.wall, key).value().encode();
  EXPECT_TRUE(boot().value()->policies.at(world_.wall).has_value());
  parent_.statement = Bytes(10, 1);
  EXPECT_TRUE(boot().value()->policies.at(world_.wall).error().is(policy::FreshnessErrc::missing));
}

// The whole way, from boot to genesis to unsealing, with each outside call failing in turn: an
// error comes back, and a later attempt with everything working succeeds.
TEST_F(BootTest, EveryOutsideCallMayFail) {
  const auto whole_way = [this]() -> Status {
    CONCORDAT_TRY(const auto first, boot());
    CONCORDAT_CHECK(perform_genesis(*first, kms_, pause_));
    pin(commitment());
    CONCORDAT_TRY(const auto second, boot());
    CONCORDAT_CHECK(unseal_root(*second, kms_));
    return {};
  };
  ASSERT_TRUE(whole_way());
  const int calls = calls_.count;
  ASSERT_GT(calls, 10);
  for (int failing = 0; failing < calls; ++failing) {
    parent_.store = {{kGenesisChallengeName, Bytes(32, 0x11)}};
    parent_.envelope = world_.envelope(1);
    calls_ = {0, failing};
    EXPECT_FALSE(whole_way()) << "call " << failing;
  }
  calls_ = {};
  parent_.store = {{kGenesisChallengeName, Bytes(32, 0x11)}};
  parent_.envelope = world_.envelope(1);
  EXPECT_TRUE(whole_way());
}

}  // namespace
}  // namespace concordat::keyservice
