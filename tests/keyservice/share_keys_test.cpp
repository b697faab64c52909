// Keys that session shares are sealed with: each has a record from its first use on, which outlives
// the root's replacement, and no role fills the keyring or uses another's.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "keyservice/key_server.hpp"
#include "keyservice/session_shares.hpp"
#include "tests/peer/dialogue.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::SecretBytes;

// Both roles may do everything with all keys of shares, as a policy whose patterns are too wide
// says.
class ShareKeys : public testing::Test {
 protected:
  ShareKeys() {
    world_.edit_policy = [this](const std::string& text) {
      auto policy = nlohmann::ordered_json::parse(text);
      policy["root"]["generations"] = nlohmann::ordered_json::array();
      for (const auto& [generation, commitment] : commitments_) {
        policy["root"]["generations"].push_back(
            {{"generation", generation},
             {"state", generation == current_ ? "current" : "read_only"},
             {"commitment", commitment.hex()}});
      }
      policy["grants"] = nlohmann::ordered_json::array();
      for (const char* role : {"payments", "reports"}) {
        policy["grants"].push_back({{"role", role},
                                    {"keys", "session-shares/*"},
                                    {"operations", {"encrypt", "decrypt", "get"}},
                                    {"use_limit", "none"},
                                    {"expires", "never"}});
      }
      return policy.dump(2);
    };
  }
  policy::AdmittedPeer admitted(const std::string& role) {
    test::TestEnclave worker(world_, role + "-1", role);
    peer::Dialogue dialogue(world_, worker, custodian_);
    dialogue.run();
    return peer::enclave_of(std::move(dialogue.responder()).take_established());
  }
  ResponseBody ask(const std::string& role, const RequestBody& body) {
    const SecretBytes record = encode(1, body);
    ServedRequest served;
    server_.serve(world_.policy(1), admitted(role), record.expose(base::SecretAccess{}),
                  peer::Now{test::kNow, {}}, [&](ServedRequest done) { served = std::move(done); });
    loaded_.shared.run();
    return std::move(decode_response(served.response, operation_of(body)).value().body);
  }
  static std::string code(const ResponseBody& body) {
    const auto* failure = std::get_if<Failure>(&body);
    return failure == nullptr ? "" : failure->code;
  }
  static SecretBytes share() {
    Bytes bytes{1, 2, 3};
    return SecretBytes::take(bytes);
  }
  ResponseBody seal(const std::string& name, const std::string& role = "payments") {
    return ask(role, EncryptRequest{name, {7}, share()});
  }
  Bytes sealed(const std::string& name) { return std::get<MadeEnvelope>(seal(name)).envelope; }
  void expect_open(const std::string& name, const Bytes& envelope) {
    const ResponseBody opened = ask("payments", DecryptRequest{name, {7}, envelope});
    ASSERT_EQ(code(opened), "");
    EXPECT_TRUE(std::get<GivenBytes>(opened).bytes == share());
  }
  // Another root beside the first one, which takes over and is current.
  void replace_root() {
    Root next = Root::create(2, SecretBytes::random(kRootSize)).value();
    commitments_.emplace(2, next.commitment());
    current_ = 2;
    custody_.take(std::move(next), "acme");
    custody_.pin(*world_.policy(1));
    expect_done([&](auto done) { custody_.keyring().take_over(2, done); });
  }
  template <class Command>
  void expect_done(Command command) {
    base::Status out = base::Error(journal::Errc::not_loaded);
    command([&](const base::Status& status) { out = status; });
    loaded_.shared.run();
    EXPECT_TRUE(out) << out.error().to_string();
  }
  void destroy(const std::string& name) {
    bool is_done = false;
    custody_.keyring().set_state(name, 0, VersionState::destroyed, false,
                                 [&](const auto& done) { is_done = done.has_value(); });
    loaded_.shared.run();
    EXPECT_TRUE(is_done);
  }

  const std::string name_ = "session-shares/payments/5e";
  test::TestWorld world_;
  test::TestEnclave custodian_{world_, "custodian-1", "custodian"};
  test::LoadedCustody loaded_;
  Custody& custody_ = loaded_.custody;
  std::map<std::uint32_t, RootCommitment> commitments_{{1, custody_.root().commitment()}};
  std::uint32_t current_ = 1;
  KeyServer server_{custody_};
};

TEST_F(ShareKeys, HaveARecordFromTheFirstUseOn) {
  const Bytes envelope = sealed(name_);
  const KeyRecord* const record = custody_.keyring().keys().find(name_);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->key.type, KeyType::derived);
  ASSERT_EQ(record->key.versions.size(), 1u);
  EXPECT_EQ(record->key.versions[0].created, test::kNow);
  EXPECT_EQ(code(ask("payments", GetRequest{name_, 0})), "not_exportable");
  const auto position = custody_.journal().head().position;
  sealed(name_);
  EXPECT_EQ(custody_.journal().head().position, position) << "once";
  expect_open(name_, envelope);
}

// Whoever made a key of another type knows its bytes, or may have them given out.
TEST_F(ShareKeys, NothingIsSealedWithAKeyThatSomebodyElseMade) {
  Bytes known(32, 0x61);
  const auto make = [&](CreateKey key) {
    custody_.keyring().create(std::move(key), [](const auto& done) { ASSERT_TRUE(done); });
    loaded_.shared.run();
  };
  make({name_,
        KeyType::aes256,
        false,
        test::kNow,
        {KeyOrigin::imported, 0, SecretBytes::take(known)}});
  EXPECT_EQ(code(seal(name_)), "other_key_type");
  const std::string exportable = "session-shares/payments/5f";
  make({exportable, KeyType::derived, true, test::kNow, {}});
  EXPECT_EQ(code(seal(exportable)), "other_key_type");
  EXPECT_EQ(code(seal("session-shares/payments/60")), "");
}

TEST_F(ShareKeys, NothingIsSealedBeforeTheRecordIsDurable) {
  loaded_.store.fail_all(test::MemoryStore::Failure::refused);
  EXPECT_NE(code(seal(name_)), "");
  loaded_.store.fail_no_more();
  const auto called = loaded_.store.creates();
  const Bytes envelope = sealed(name_);
  EXPECT_GT(loaded_.store.creates(), called);
  expect_open(name_, envelope);
}

TEST_F(ShareKeys, OutliveTheRootsReplacement) {
  const Bytes envelope = sealed(name_);
  replace_root();
  expect_done([&](auto done) { custody_.keyring().move_implicit(2, done); });
  expect_open(name_, envelope);
  const base::Status unneeded = custody_.check_unneeded(1);
  ASSERT_FALSE(unneeded);
  EXPECT_TRUE(unneeded.error().is(Errc::generation_needed));
  destroy(name_);
  EXPECT_TRUE(custody_.check_unneeded(1));
  EXPECT_EQ(code(ask("payments", DecryptRequest{name_, {7}, envelope})), "key_destroyed");
  EXPECT_EQ(code(seal(name_)), "key_destroyed");
}

// Names without a record still stand for the older one.
TEST_F(ShareKeys, ComeFromTheGenerationThatSeals) {
  replace_root();
  ASSERT_EQ(custody_.implicit_generation(), 1u);
  const Bytes envelope = sealed(name_);
  const KeyRecord* const record = custody_.keyring().keys().find(name_);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->key.versions[0].root_generation, 2u);
  expect_open(name_, envelope);
}

TEST_F(ShareKeys, AreARolesOwnWhateverPolicyGrants) {
  const Bytes envelope = sealed(name_);
  for (const char* name : {"session-shares/payments/5e", "session-shares/payments/5f",
                           "session-shares/reports-1/5e", "session-shares/reports"}) {
    EXPECT_EQ(code(seal(name, "reports")), "not_granted") << name;
    EXPECT_EQ(code(ask("reports", DecryptRequest{name, {7}, envelope})), "not_granted") << name;
  }
  EXPECT_EQ(custody_.keyring().keys().records().size(), 1u);
  EXPECT_EQ(code(seal("session-shares/reports/5e", "reports")), "");
}

TEST_F(ShareKeys, OfARoleAreBounded) {
  const auto numbered = [](std::size_t number) {
    return "session-shares/payments/" + std::to_string(number);
  };
  for (std::size_t number = 0; number < kMaxShareKeys; ++number) {
    custody_.keyring().create({numbered(number), KeyType::derived, false, test::kNow, {}},
                              [](const auto& done) { ASSERT_TRUE(done); });
    loaded_.shared.run();
  }
  EXPECT_EQ(code(seal(numbered(kMaxShareKeys))), "too_many");
  EXPECT_EQ(code(seal(numbered(0))), "") << "that are there go on";
  EXPECT_EQ(code(seal("session-shares/reports/1", "reports")), "") << "another role";
  destroy(numbered(1));
  EXPECT_EQ(code(seal(numbered(kMaxShareKeys))), "");
  EXPECT_EQ(code(seal(numbered(kMaxShareKeys + 1))), "too_many");
}

}  // namespace
}  // namespace concordat::keyservice
