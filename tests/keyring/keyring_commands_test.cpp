// Commands over the journal: acknowledged, repeated, raced, and what a restart finds.
#include "tests/keyring/custodian.hpp"

namespace concordat::test {
namespace {

using namespace keyservice;

// Entries have room, and snapshots do not.
void take_no_snapshots(MemoryStore& store) {
  store.before_create = [&store](const std::string& name) {
    store.fail_all(name.starts_with("chunk.") ? std::optional(Failure::full) : std::nullopt);
  };
}
void take_all_again(MemoryStore& store) {
  store.before_create = {};
  store.fail_no_more();
}

TEST(Keyring, WhatWasDoneIsThereAfterARestart) {
  MemoryStore::Shared world;
  std::string before;
  {
    Custodian custodian(world);
    ASSERT_TRUE(custodian.load());
    ASSERT_TRUE(custodian.create(new_key("a", 1)));
    EXPECT_EQ(custodian.rotate("a", 1, generated(2)).value().newest_version, 2u);
    EXPECT_EQ(custodian.set_minimum("a", 2).value().minimum_version, 2u);
    ASSERT_TRUE(custodian.create(new_key("b", 3)));
    EXPECT_EQ(custodian.set_state("b", 0, VersionState::destroyed).value().state,
              VersionState::destroyed);
    EXPECT_EQ(custodian.rotate("implicit", 1, derived(), true).value().newest_version, 2u);
    before = contents(custodian.keyring.keys());
  }
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  EXPECT_EQ(contents(custodian.keyring.keys()), before);
  EXPECT_TRUE(*custodian.keyring.keys().for_making("a").value().material == material_of(2));
}

TEST(Keyring, NoNamePassesForAnImplicitKeyBeforeTheRecordsAreRead) {
  MemoryStore::Shared world;
  {
    Custodian custodian(world);
    ASSERT_TRUE(custodian.load());
    ASSERT_TRUE(custodian.set_state("gone", 0, VersionState::destroyed, true));
  }
  Custodian custodian(world);
  custodian.store.fail_all(Failure::refused);
  ASSERT_FALSE(custodian.load());
  for (const auto& found :
       {custodian.keyring.for_making("gone"), custodian.keyring.for_reading("gone", 1)}) {
    EXPECT_TRUE(found.error().is(journal::Errc::not_loaded));
  }
  custodian.store.fail_no_more();
  ASSERT_TRUE(custodian.load());
  EXPECT_TRUE(custodian.keyring.for_making("gone").error().is(KeyStateErrc::key_destroyed));
  EXPECT_TRUE(custodian.keyring.for_reading("gone", 1).error().is(KeyStateErrc::key_destroyed));
  EXPECT_EQ(custodian.keyring.for_making("any").value().version, 1u);
}

TEST(Keyring, RepeatedCommandsAreDoneOnce) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  ASSERT_TRUE(custodian.create(new_key("a", 1)));
  EXPECT_TRUE(custodian.create(new_key("a", 1)).error().is(KeyStateErrc::key_exists));
  ASSERT_TRUE(custodian.rotate("a", 1, generated(2)));
  EXPECT_TRUE(custodian.rotate("a", 1, generated(3)).error().is(KeyStateErrc::version_differs));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(custodian.set_minimum("a", 2));
  for (const std::uint32_t version : {1u, 1u, 0u, 0u})
    ASSERT_TRUE(custodian.set_state("a", version, VersionState::destroyed));
  EXPECT_EQ(custodian.keyring.journal().head().position, 5u);
  EXPECT_TRUE(custodian.set_minimum("a", 2).error().is(KeyStateErrc::key_destroyed));
}

TEST(Keyring, OfTwoCustodiansThatRotateAtOnceOneIsTold) {
  MemoryStore::Shared world;
  Custodian a(world);
  Custodian b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(a.create(new_key("k", 1)));
  ASSERT_TRUE(b.load());
  std::vector<Result<KeySummary>> results;
  for (Custodian* custodian : {&a, &b}) {
    custodian->keyring.rotate({"k", 1, kNow, generated(2), false},
                              [&](Result<KeySummary> done) { results.push_back(std::move(done)); });
  }
  world.run();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[0]);
  EXPECT_TRUE(results[1].error().is(KeyStateErrc::version_differs));
  EXPECT_EQ(contents(a.keyring.keys()), contents(b.keyring.keys()));
}

TEST(Keyring, OfTwoThatAdoptAnImplicitKeyAtOnceBothAreDone) {
  MemoryStore::Shared world;
  Custodian a(world);
  Custodian b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  int done = 0;
  const auto count = [&](const Result<KeySummary>& result) { done += result.has_value(); };
  a.keyring.set_state("k", 0, VersionState::disabled, true, count);
  b.keyring.set_minimum("k", 1, true, count);
  b.keyring.set_state("k", 1, VersionState::disabled, true, count);
  world.run();
  EXPECT_EQ(done, 3);
  ASSERT_TRUE(a.refresh());
  EXPECT_EQ(contents(a.keyring.keys()), contents(b.keyring.keys()));
}

TEST(Keyring, OfTwoThatMakeAKeyOnceAtOnceBothAreDoneAndTheirQuotaIsOne) {
  MemoryStore::Shared world;
  Custodian a(world);
  Custodian b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  std::vector<std::string> said;
  const auto make = [&](Custodian& custodian, const std::string& name) {
    custodian.keyring.create_once({name, KeyType::derived, false, kNow, derived()}, {"s/", 2},
                                  [&](const Result<KeySummary>& made) {
                                    said.emplace_back(made ? "done" : made.error().name());
                                  });
  };
  make(a, "s/1");
  make(b, "s/1");
  world.run();
  make(a, "s/2");
  make(b, "s/3");
  world.run();
  EXPECT_EQ(said, (std::vector<std::string>{"done", "done", "done", "too_many"}));
  ASSERT_TRUE(a.refresh());
  EXPECT_EQ(contents(a.keyring.keys()), contents(b.keyring.keys()));
  EXPECT_EQ(a.keyring.keys().records().size(), 2u);
}

// What was asked for under one generation, and comes to be written when another has taken over.
class KeyringTakenOver : public testing::Test {
 protected:
  KeyringTakenOver() {
    for (Custodian* custodian : {&first_, &second_}) {
      custodian->keyring.take(test_journal_keys(2));
      EXPECT_TRUE(custodian->load());
    }
  }
  using Generations = std::vector<std::uint32_t>;
  // That its versions come from, as the second one has it.
  Generations generations_of(std::string_view name) {
    Generations out;
    const auto description = second_.keyring.keys().describe(name).value();
    for (const auto& version : description.versions)
      out.push_back(version.root_generation);
    return out;
  }

  MemoryStore::Shared world_;
  Custodian first_{world_};
  Custodian second_{world_};
};

TEST_F(KeyringTakenOver, WhatIsDerivedComesFromTheOneThatSealsWhenItIsWritten) {
  ASSERT_TRUE(first_.create({"old", KeyType::derived, true, kNow, derived()}));
  ASSERT_TRUE(second_.refresh());
  ASSERT_TRUE(first_.take_over(2));
  ASSERT_EQ(second_.keyring.journal().generation(), 1u) << "it does not know yet";
  ASSERT_TRUE(second_.create({"new", KeyType::derived, true, kNow, derived()}));
  EXPECT_EQ(generations_of("new"), Generations{2});
}

TEST_F(KeyringTakenOver, ARotationThatWasDecidedBeforeIsDecidedAgain) {
  ASSERT_TRUE(first_.create({"old", KeyType::derived, true, kNow, derived()}));
  ASSERT_TRUE(second_.refresh());
  ASSERT_TRUE(first_.take_over(2));
  ASSERT_TRUE(second_.rotate("old", 1, derived()));
  EXPECT_EQ(generations_of("old"), (Generations{1, 2}));
}

TEST_F(KeyringTakenOver, ANameIsChangedWithTheBytesThatItHasWhenThatIsWritten) {
  ASSERT_TRUE(first_.take_over(2));
  EXPECT_TRUE(second_.set_state("kept", 0, VersionState::disabled, true));
  ASSERT_TRUE(first_.refresh());
  ASSERT_TRUE(first_.move_implicit(2));
  EXPECT_TRUE(second_.set_state("moved", 0, VersionState::disabled, true));
  ASSERT_TRUE(first_.move_implicit(2)) << "it is so already";
  EXPECT_TRUE(second_.set_minimum("moved/too", 1, true));
  EXPECT_EQ(generations_of("kept"), Generations{1});
  EXPECT_EQ(generations_of("moved"), Generations{2});
  EXPECT_EQ(generations_of("moved/too"), Generations{2});
}

// It is for the bytes that the name had when that was asked for.
TEST_F(KeyringTakenOver, ANameThatMovedMeanwhileIsNotAdopted) {
  ASSERT_TRUE(first_.take_over(2));
  ASSERT_TRUE(second_.refresh());
  ASSERT_TRUE(first_.move_implicit(2));
  const auto adopt = [&] {
    return second_.run([&](const auto& done) { second_.keyring.adopt("a", done); });
  };
  EXPECT_TRUE(adopt().error().is(KeyStateErrc::generation_differs));
  EXPECT_TRUE(adopt());
  EXPECT_EQ(generations_of("a"), Generations{2});
}

TEST_F(KeyringTakenOver, NamesMoveToNoOtherThanWasAskedFor) {
  EXPECT_TRUE(first_.move_implicit(2).error().is(KeyStateErrc::generation_differs));
  ASSERT_TRUE(second_.take_over(2));
  EXPECT_TRUE(first_.move_implicit(2).error().is(KeyStateErrc::generation_differs))
      << "it does not know yet that this one seals";
  ASSERT_TRUE(first_.refresh());
  EXPECT_TRUE(first_.move_implicit(2));
  EXPECT_TRUE(first_.move_implicit(1).error().is(KeyStateErrc::generation_differs));
}

TEST(Keyring, WritesASnapshotByItselfAndGoesOnWhenThatFails) {
  MemoryStore::Shared world;
  Custodian custodian(world, 10);
  ASSERT_TRUE(custodian.load());
  for (std::uint8_t i = 0; i < 25; ++i)
    ASSERT_TRUE(custodian.create(new_key("k" + std::to_string(i), i)));
  EXPECT_EQ(custodian.keyring.journal().entries_since_snapshot(), 5u);
  EXPECT_LE(world.records.size(), 10u);
  take_no_snapshots(custodian.store);
  for (std::uint8_t i = 25; i < 40; ++i)
    ASSERT_TRUE(custodian.create(new_key("k" + std::to_string(i), i)));
  EXPECT_TRUE(custodian.keyring.last_snapshot().error().is(journal::Errc::store_full));
  Custodian later(world);
  ASSERT_TRUE(later.load());
  EXPECT_EQ(later.keyring.keys().records().size(), 40u);
  take_all_again(custodian.store);
  ASSERT_TRUE(custodian.create(new_key("last", 1)));
  EXPECT_TRUE(custodian.keyring.last_snapshot());
}

TEST(Keyring, ATakingOverWhileASnapshotIsWrittenIsDoneAndHasItsOwnAfterwards) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  ASSERT_TRUE(custodian.create(new_key("k", 1)));
  custodian.keyring.take(test_journal_keys(2));
  // Its first answer comes last.
  custodian.keyring.write_snapshot([](const Status&) {});
  ASSERT_EQ(world.waiting.size(), 1u);
  const auto withheld = std::move(world.waiting.front());
  world.waiting.clear();
  ASSERT_TRUE(custodian.take_over(2));
  EXPECT_EQ(custodian.keyring.journal().generation(), 2u);
  EXPECT_TRUE(custodian.keyring.journal().needs_older_generation());
  withheld();
  world.run();
  EXPECT_FALSE(custodian.keyring.journal().needs_older_generation());
  EXPECT_TRUE(custodian.keyring.last_snapshot());
}

TEST(Keyring, ATakingOverWhoseSnapshotFailsIsDoneAndTheNextChangeWritesIt) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  ASSERT_TRUE(custodian.create(new_key("k", 1)));
  custodian.keyring.take(test_journal_keys(2));
  take_no_snapshots(custodian.store);
  EXPECT_TRUE(custodian.take_over(2));
  EXPECT_TRUE(custodian.keyring.last_snapshot().error().is(journal::Errc::store_full));
  EXPECT_TRUE(custodian.take_over(2).error().is(journal::Errc::store_full))
      << "it alone is wanting";
  take_all_again(custodian.store);
  ASSERT_TRUE(custodian.create(new_key("l", 2)));
  EXPECT_FALSE(custodian.keyring.journal().needs_older_generation());
}

TEST(Keyring, ASnapshotThatATakingOverLacksIsWrittenAfterARestart) {
  MemoryStore::Shared world;
  {
    Custodian custodian(world);
    ASSERT_TRUE(custodian.load());
    ASSERT_TRUE(custodian.create(new_key("k", 1)));
    custodian.keyring.take(test_journal_keys(2));
    take_no_snapshots(custodian.store);
    EXPECT_TRUE(custodian.take_over(2));
  }
  Custodian custodian(world);
  custodian.keyring.take(test_journal_keys(2));
  ASSERT_TRUE(custodian.load());
  ASSERT_TRUE(custodian.keyring.journal().needs_older_generation());
  ASSERT_TRUE(custodian.move_implicit(2));
  EXPECT_FALSE(custodian.keyring.journal().needs_older_generation());
}

}  // namespace
}  // namespace concordat::test
