// A custodian's keyring in time: loaded when the store lets it, refreshed, rotated when policy
// says.
#include "keyservice/custody_keeper_io.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "keyservice/keyring/key_material.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{60};  // what only a hanging keeper reaches
constexpr std::chrono::milliseconds kSoon{1};

class CustodyKeeperTest : public testing::Test {
 protected:
  void start() {
    store_.answers_later = false;
    custody_.take(Root::create(1, base::SecretBytes::random(kRootSize)).value(), "acme");
    world_.edit_policy = [this](const std::string& text) {
      const std::string pinned =
          test::replaced(text, "\"generations\": []",
                         R"("generations": [{"generation": 1, "state": "current", )"
                         R"("commitment": ")" +
                             custody_.root().commitment().hex() + "\"}]");
      return test::replaced(pinned, "\"rotation\": {}",
                            R"("rotation": {"payments/*": {"every_seconds": 86400}})");
    };
    (void)side_.policies.install(world_.envelope(1), world_.wall).value();
    keeper_.start();
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }
  [[nodiscard]] std::size_t logged(std::string_view event) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(lines_, [&](const json& line) { return line.at("event") == event; }));
  }
  void create(const std::string& name, KeyOrigin origin) {
    NewVersion first{origin, 0, generate(KeyType::aes256, random_).value()};
    custody_.keyring().create({name, KeyType::aes256, false, world_.wall, std::move(first)},
                              [](const auto& created) { ASSERT_TRUE(created); });
  }
  [[nodiscard]] std::uint32_t newest(const std::string& name) const {
    return custody_.keyring().keys().describe(name).value().summary.newest_version;
  }

  std::vector<json> lines_;
  base::Logger log_{"test", [this](std::string_view line) { lines_.push_back(json::parse(line)); }};
  test::MemoryStore::Shared shared_;
  test::MemoryStore store_{shared_};
  base::SystemRandom random_;
  test::TestWorld world_;
  boost::asio::io_context io_{1};
  test::Side side_{world_, io_, "custodian-1", "custodian"};
  mutable Custody custody_{store_, random_};
  CustodyKeeper keeper_{io_, custody_, side_.party, log_, {kSoon, kSoon}};
};

TEST_F(CustodyKeeperTest, AsksAStoreThatFailsAgainAndSaysSoOnce) {
  store_.fail_all(test::MemoryStore::Failure::refused);
  start();
  const std::size_t before = store_.calls();
  run_until([&] { return store_.calls() > before + 2; });
  EXPECT_EQ(logged("keyring_not_loaded"), 1u);
  EXPECT_FALSE(custody_.keyring().journal().is_loaded());
  store_.fail_no_more();
  run_until([&] { return logged("keyring_loaded") == 1; });
  store_.fail_all(test::MemoryStore::Failure::refused);
  run_until([&] { return logged("keyring_not_refreshed") == 1; });
  EXPECT_TRUE(custody_.keyring().journal().is_loaded()) << "what is known is served on";
  store_.fail_no_more();
  run_until([&] { return logged("keyring_refreshed") == 1; });
}

TEST_F(CustodyKeeperTest, TakesInWhatAnotherCustodianWrote) {
  start();
  run_until([&] { return logged("keyring_loaded") == 1; });
  test::MemoryStore others(shared_);
  others.answers_later = false;
  journal::Keys keys;
  keys.current = 1;
  keys.by_generation.emplace(1, custody_.root().journal_key());
  Keyring other(others, journal::Sealer("acme", std::move(keys), random_));
  other.load([](const auto& loaded) { ASSERT_TRUE(loaded); });
  other.create({"payments/a",
                KeyType::aes256,
                false,
                world_.wall,
                {KeyOrigin::generated, 0, generate(KeyType::aes256, random_).value()}},
               [](const auto& created) { ASSERT_TRUE(created); });
  run_until([&] { return custody_.keyring().keys().find("payments/a") != nullptr; });
}

TEST_F(CustodyKeeperTest, RotatesWhatPolicySaysIsDueAndNothingElse) {
  start();
  run_until([&] { return logged("keyring_loaded") == 1; });
  create("payments/due", KeyOrigin::generated);
  create("payments/brought", KeyOrigin::imported);
  create("reports/other", KeyOrigin::generated);
  const std::size_t before = store_.calls();
  run_until([&] { return store_.calls() > before + 4; });
  EXPECT_EQ(newest("payments/due"), 1u) << "not yet";
  world_.wall = world_.wall + std::chrono::hours(24);
  run_until([&] { return logged("key_rotated") == 1; });
  EXPECT_EQ(newest("payments/due"), 2u);
  const std::size_t after = store_.calls();
  run_until([&] { return store_.calls() > after + 4; });
  EXPECT_EQ(newest("payments/due"), 2u) << "once";
  EXPECT_EQ(newest("payments/brought"), 1u);
  EXPECT_EQ(newest("reports/other"), 1u);
}

// A change on an older state would make a fork of it.
TEST_F(CustodyKeeperTest, RotatesNothingOnAStoreThatIsOlderThanWhatWasSeenOfIt) {
  start();
  run_until([&] { return logged("keyring_loaded") == 1; });
  create("payments/due", KeyOrigin::generated);
  custody_.take_seen(vouch_for(custody_.root(), {300, {}}), "w", [](const auto&) {});
  world_.wall = world_.wall + std::chrono::hours(24);
  const std::size_t before = store_.calls();
  run_until([&] { return store_.calls() > before + 4; });
  EXPECT_EQ(newest("payments/due"), 1u);
}

TEST_F(CustodyKeeperTest, EndsWithTheRootAndBeginsWithTheNext) {
  start();
  run_until([&] { return logged("keyring_loaded") == 1; });
  custody_.wipe();
  custody_.take(Root::create(1, base::SecretBytes::random(kRootSize)).value(), "other");
  keeper_.start();
  run_until([&] { return logged("keyring_loaded") == 2; });
}

}  // namespace
}  // namespace concordat::keyservice
