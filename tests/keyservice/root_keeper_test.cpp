// A custodian's root comes and goes with the policy's standing: unsealed when there is a usable
// policy, wiped when it has ended, and no attempt is made where policy and root contradict.
#include "keyservice/root_keeper_io.hpp"

#include <gtest/gtest.h>

#include "policy/errc.hpp"
#include "tests/keyservice/outside.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/party_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Status;

constexpr std::chrono::seconds kPatience{120};  // what only a hanging keeper reaches

class RootKeeperTest : public testing::Test {
 protected:
  RootKeeperTest() {
    parent_.descriptor = world_.authority.descriptor().encoded();
    parent_.store["root-1"] = base::Bytes(64, 3);
    const auto commitment = Root::create(1, kms_.root.clone()).value().commitment();
    text_ =
        test::replaced(test::sample_policy(world_.authority.descriptor()), "\"generations\": []",
                       R"("generations": [{"generation": 1, "state": "current", )"
                       R"("commitment": ")" +
                           commitment.hex() + "\"}]");
  }
  ~RootKeeperTest() override {
    if (keeper_) keeper_->stop();
    if (runtime_) runtime_->stop();
  }

  [[nodiscard]] base::Bytes statement(base::UnixMillis time) const {
    return policy::sign_freshness(*test::signed_policy(world_.authority, text_), time, key_)
        .value()
        .encode();
  }
  // A custodian without root; its parent is not to be reached for news.
  void start() {
    text_ = test::with_freshness(text_, key_, max_age_);
    parent_.envelope = world_.authority.sign(text_).encode();
    parent_.statement = statement(world_.wall);
    enclave_ = boot_enclave(nsm_.nsm(), parent_, [this] {
                 return base::MonotonicMillis{world_.wall.value};
               }).value();
    runtime_ = std::make_unique<EnclaveRuntime>(
        io_, *enclave_, world_.anchors, peer::UnixEndpoint{(folder_.path() / "nobody").string()},
        "custodian", log_);
    keeper_ = std::make_unique<RootKeeper>(*runtime_, *enclave_, kms_, custody_, log_);
    runtime_->on_standing(
        [this](const base::Status& standing) { keeper_->standing_changed(standing); });
    runtime_->on_policy_changed([this] { keeper_->policy_changed(); });
    if (fetch_) keeper_->ask_first(fetch_);
    keeper_->on_contradiction([this](const Error& why) { contradiction_ = why; });
    runtime_->start();
    keeper_->standing_changed(runtime_->standing());
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }

  test::TemporaryFolder folder_;
  int refused_ = 0;  // attempts
  base::Logger log_{"root_keeper_test", [this](std::string_view line) {
                      refused_ += line.find("root_not_unsealed") != std::string_view::npos;
                    }};
  test::Calls calls_;
  test::TestWorld world_;
  test::TestEnclave nsm_{world_, "custodian-1", "custodian"};
  test::FakeParent parent_{calls_};
  test::FakeKms kms_{calls_};
  policy::SigningKey key_ = test::freshness_key();
  std::string text_;
  std::chrono::seconds max_age_{120};  // also how long the root outlives the last statement
  boost::asio::io_context io_{1};
  test::MemoryStore::Shared shared_;
  test::MemoryStore store_{shared_};
  base::SystemRandom random_;
  Custody custody_{store_, random_};
  std::unique_ptr<Enclave> enclave_;
  std::unique_ptr<EnclaveRuntime> runtime_;
  std::unique_ptr<RootKeeper> keeper_;
  std::optional<Error> contradiction_;
  RootKeeper::FetchRoot fetch_;
};

TEST_F(RootKeeperTest, TheRootGoesWhenStatementsStayAwayAndComesBackWithThem) {
  max_age_ = std::chrono::seconds(1);
  start();
  run_until([&] { return custody_.has_root(); });
  EXPECT_TRUE(custody_.check_root(*enclave_->policies.latest()));
  world_.wall = world_.wall + max_age_;
  run_until([&] { return !runtime_->standing(); });
  run_until([&] { return !custody_.has_root(); });
  ASSERT_TRUE(enclave_->policies.install_freshness(statement(world_.wall), world_.wall));
  run_until([&] { return custody_.has_root(); });
  EXPECT_EQ(kms_.contexts.size(), 2u) << "unsealed by KMS anew";
}

TEST_F(RootKeeperTest, AStatementInTimeSparesKms) {
  start();
  run_until([&] { return custody_.has_root(); });
  world_.wall = world_.wall + max_age_;
  run_until([&] { return !runtime_->standing(); });
  EXPECT_TRUE(custody_.has_root()) << "the gap is young";
  ASSERT_TRUE(enclave_->policies.install_freshness(statement(world_.wall), world_.wall));
  run_until([&] { return runtime_->standing().has_value(); });
  EXPECT_TRUE(custody_.has_root());
  EXPECT_EQ(kms_.contexts.size(), 1u);
}

TEST_F(RootKeeperTest, AtExpiryTheRootGoesAtOnce) {
  text_ = test::replaced(text_, "2026-01-31T00:00:00Z", "2026-01-06T11:47:00Z");
  start();
  run_until([&] { return custody_.has_root(); });
  world_.wall = enclave_->policies.latest()->valid_until();
  run_until([&] { return !runtime_->standing(); });
  EXPECT_TRUE(runtime_->standing().error().is(policy::SignatureErrc::expired));
  EXPECT_FALSE(custody_.has_root());
}

TEST_F(RootKeeperTest, AKmsThatFailsIsAskedAgain) {
  kms_.troubles = {Error(KmsErrc::unreachable), test::HttpReply{500, {}, "{}"}};
  start();
  run_until([&] { return custody_.has_root(); });
  EXPECT_TRUE(kms_.troubles.empty());
  EXPECT_FALSE(contradiction_);
}

TEST_F(RootKeeperTest, WhatAnotherCustodianGivesSparesKms) {
  fetch_ = [this](const policy::RootGeneration& pinned, RootKeeper::OnRoot done) {
    EXPECT_EQ(pinned.generation, 1u);
    done(Root::create(1, kms_.root.clone()));
  };
  start();
  run_until([&] { return custody_.has_root(); });
  EXPECT_TRUE(custody_.check_root(*enclave_->policies.latest()));
  EXPECT_TRUE(kms_.contexts.empty());
}

// Another blob in its place: what KMS makes of it has another commitment. The other one serves, and
// what lacks is tried again.
TEST_F(RootKeeperTest, OneGenerationThatIsLackingDoesNotEndTheOthers) {
  base::Bytes other(kRootSize, 9);
  const auto second = Root::create(2, base::SecretBytes::take(other)).value().commitment();
  text_ = test::replaced(text_, "\"}]",
                         "\"}, {\"generation\": 2, \"state\": \"read_only\", "
                         "\"commitment\": \"" +
                             second.hex() + "\"}]");
  parent_.store["root-2"] = base::Bytes(64, 4);
  start();
  run_until([&] { return refused_ != 0; });
  EXPECT_NE(custody_.root(1), nullptr);
  EXPECT_EQ(custody_.root(2), nullptr);
  EXPECT_FALSE(contradiction_);
  // And once it is the right one.
  other = base::Bytes(kRootSize, 9);
  kms_.root = base::SecretBytes::take(other);
  run_until([&] { return custody_.root(2) != nullptr; });
  EXPECT_TRUE(custody_.check_root(*enclave_->policies.latest()));
}

TEST_F(RootKeeperTest, WhereNoneGivesItKmsIsAskedAndThenTheyAreAgain) {
  kms_.troubles = {Error(KmsErrc::unreachable)};
  int asked = 0;
  fetch_ = [&](const policy::RootGeneration&, const RootKeeper::OnRoot& done) {
    ++asked;
    done(Error(Errc::no_replica));
  };
  start();
  run_until([&] { return custody_.has_root(); });
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(kms_.contexts.size(), 1u);
}

// No custodian gives one; but what came from there would not be served under.
TEST_F(RootKeeperTest, AnotherRootThanPinnedIsNotTakenFromAnotherCustodianEither) {
  bool is_given = false;
  fetch_ = [&](const policy::RootGeneration&, const RootKeeper::OnRoot& done) {
    if (std::exchange(is_given, true)) return done(Error(Errc::no_replica));
    done(Root::create(1, base::SecretBytes::random(kRootSize)));
  };
  start();
  run_until([&] { return custody_.has_root(); });
  EXPECT_TRUE(custody_.check_root(*enclave_->policies.latest()));
  EXPECT_EQ(kms_.contexts.size(), 1u);
}

// Where KMS is lost: what the holders' shares gave, or another custodian.
TEST_F(RootKeeperTest, ARootThatWasRestoredIsAsGoodAsKmss) {
  for (int i = 0; i < 100; ++i)
    kms_.troubles.push_back(Error(KmsErrc::unreachable));
  int ready = 0;
  start();
  keeper_->on_root([&] { ++ready; });
  run_until([&] { return kms_.troubles.size() < 100; });
  const auto restored = [this] { return Root::create(1, kms_.root.clone()).value(); };
  ASSERT_TRUE(keeper_->take_restored(restored()));
  EXPECT_TRUE(custody_.check_root(*enclave_->policies.latest()));
  EXPECT_EQ(ready, 1);
  EXPECT_TRUE(keeper_->take_restored(restored()).error().is(Errc::not_ready)) << "there is one";
  // The attempt that was under way with KMS changes nothing any more.
  const std::size_t asked = kms_.troubles.size();
  world_.wall = world_.wall + max_age_;
  run_until([&] { return !runtime_->standing(); });
  EXPECT_TRUE(custody_.has_root());
  EXPECT_EQ(kms_.troubles.size(), asked);
}

TEST_F(RootKeeperTest, AnotherRootIsNotTakenForARestoredOne) {
  for (int i = 0; i < 100; ++i)
    kms_.troubles.push_back(Error(KmsErrc::unreachable));
  start();
  const Status taken =
      keeper_->take_restored(Root::create(1, base::SecretBytes::random(kRootSize)).value());
  EXPECT_TRUE(taken.error().is(Errc::wrong_root));
  EXPECT_FALSE(custody_.has_root());
  EXPECT_FALSE(contradiction_);
}

TEST_F(RootKeeperTest, AnotherRootThanPinnedIsAContradiction) {
  kms_.root = base::SecretBytes::random(kRootSize);
  start();
  run_until([&] { return contradiction_.has_value(); });
  EXPECT_TRUE(contradiction_->is(Errc::wrong_root));
  EXPECT_FALSE(custody_.has_root());
}

TEST_F(RootKeeperTest, ARootThatANewerPolicyReplacesIsWipedAtOnce) {
  start();
  run_until([&] { return custody_.has_root(); });
  const auto other = Root::create(1, base::SecretBytes::random(kRootSize)).value().commitment();
  std::string next = test::replaced(text_, "\"serial\": 1", "\"serial\": 2");
  next = test::replaced(next, Root::create(1, kms_.root.clone()).value().commitment().hex(),
                        other.hex());
  ASSERT_TRUE(runtime_->party().offer_policy(world_.authority.sign(next).encode()));
  EXPECT_FALSE(custody_.has_root());
  ASSERT_TRUE(contradiction_);
  EXPECT_TRUE(contradiction_->is(Errc::wrong_root));
}

}  // namespace
}  // namespace concordat::keyservice
