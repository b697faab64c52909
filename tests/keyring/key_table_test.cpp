// What each change does to the table, and what it refuses.
#include "keyservice/keyring/state/key_table.hpp"

#include "keyservice/keyring/state/due_rotations.hpp"
#include "keyservice/keyring/state/limits.hpp"
#include "keyservice/keyring/state/table_snapshot.hpp"
#include "policy/errc.hpp"
#include "tests/keyring/custodian.hpp"

namespace concordat::test {
namespace {

using namespace keyservice;

class Table : public testing::Test {
 protected:
  void apply(Change change) {
    const Status applied = table.apply(std::move(change), sealed);
    ASSERT_TRUE(applied) << applied.error().to_string();
  }
  // Refused by check and apply alike, and nothing is changed.
  template <class E>
  void expect_refused(Change change, E code) {
    const std::string before = contents(table);
    const Status checked = table.check(change, sealed);
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().is(code)) << checked.error().to_string();
    EXPECT_TRUE(table.apply(std::move(change), sealed).error().is(code));
    EXPECT_EQ(contents(table), before);
  }
  void create_cards() { apply(new_key("cards", 1)); }
  void rotate_cards(std::uint32_t version) {
    apply(AddVersion{"cards", 0, version, kNow, generated(static_cast<std::uint8_t>(version))});
  }

  KeyTable table;
  journal::SealedUnder sealed{1, 1};
};

TEST_F(Table, ANameWithoutARecordIsADerivedKeyOfVersionOne) {
  const UsableVersion made = table.for_making("any/name").value();
  EXPECT_EQ(made.type, KeyType::derived);
  EXPECT_EQ(made.version, 1u);
  EXPECT_EQ(made.root_generation, 1u);
  EXPECT_EQ(made.material, nullptr);
  EXPECT_TRUE(made.exportable);
  EXPECT_EQ(table.for_reading("any/name", 1).value().root_generation, 1u);
  EXPECT_TRUE(table.for_reading("any/name", 2).error().is(KeyStateErrc::version_unknown));
  EXPECT_TRUE(table.describe("any/name").error().is(KeyStateErrc::key_unknown));
}

TEST_F(Table, TheFirstChangeOfAnImplicitKeyMakesItARecordWithItsVersionOne) {
  sealed = {2, 2};
  apply(AddVersion{"a", 1, 2, kNow, {KeyOrigin::derived, 2, {}}});
  EXPECT_EQ(table.for_making("a").value().version, 2u);
  EXPECT_EQ(table.for_making("a").value().root_generation, 2u);
  EXPECT_EQ(table.for_reading("a", 1).value().root_generation, 1u);
  apply(SetState{"b", 1, 0, VersionState::disabled});
  EXPECT_TRUE(table.for_making("b").error().is(KeyStateErrc::key_disabled));
  apply(SetMinimum{"c", 1, 1});
  EXPECT_EQ(table.describe("c").value().versions.size(), 1u);
  // No second time, and not without saying so.
  expect_refused(SetMinimum{"c", 1, 1}, KeyStateErrc::key_exists);
  expect_refused(SetMinimum{"d", 0, 1}, KeyStateErrc::key_unknown);
}

TEST_F(Table, ATombstoneEndsAnImplicitKeyForGood) {
  apply(SetState{"a", 1, 0, VersionState::destroyed});
  EXPECT_TRUE(table.for_making("a").error().is(KeyStateErrc::key_destroyed));
  EXPECT_TRUE(table.for_reading("a", 1).error().is(KeyStateErrc::key_destroyed));
  expect_refused(new_key("a", 1), KeyStateErrc::key_destroyed);
}

TEST_F(Table, TheNewestVersionMakesAndOlderOnesReadDownToTheMinimum) {
  create_cards();
  rotate_cards(2);
  rotate_cards(3);
  EXPECT_EQ(table.for_making("cards").value().version, 3u);
  EXPECT_TRUE(*table.for_reading("cards", 1).value().material == material_of(1));
  apply(SetMinimum{"cards", 0, 2});
  EXPECT_TRUE(table.for_reading("cards", 1).error().is(KeyStateErrc::version_below_minimum));
  EXPECT_TRUE(*table.for_reading("cards", 2).value().material == material_of(2));
  apply(SetMinimum{"cards", 0, 1});
  EXPECT_TRUE(table.for_reading("cards", 1));
  expect_refused(SetMinimum{"cards", 0, 4}, KeyStateErrc::version_unknown);
  expect_refused(SetMinimum{"cards", 0, 0}, KeyStateErrc::version_unknown);
  for (const std::uint32_t version : {0u, 4u})
    EXPECT_TRUE(table.for_reading("cards", version).error().is(KeyStateErrc::version_unknown));
}

TEST_F(Table, VersionsCountUpWithoutGapsAndOneBesidesIsRefused) {
  create_cards();
  expect_refused(AddVersion{"cards", 0, 1, kNow, generated(9)}, KeyStateErrc::version_differs);
  expect_refused(AddVersion{"cards", 0, 3, kNow, generated(9)}, KeyStateErrc::version_differs);
  expect_refused(new_key("cards", 2), KeyStateErrc::key_exists);
}

TEST_F(Table, WhatIsDisabledIsNotUsedUntilItIsEnabled) {
  create_cards();
  rotate_cards(2);
  apply(SetState{"cards", 0, 2, VersionState::disabled});
  EXPECT_TRUE(table.for_making("cards").error().is(KeyStateErrc::version_disabled));
  EXPECT_TRUE(table.for_reading("cards", 1));
  apply(SetState{"cards", 0, 2, VersionState::enabled});
  EXPECT_TRUE(table.for_making("cards"));
  apply(SetState{"cards", 0, 0, VersionState::disabled});
  EXPECT_TRUE(table.for_reading("cards", 1).error().is(KeyStateErrc::key_disabled));
  expect_refused(AddVersion{"cards", 0, 3, kNow, generated(9)}, KeyStateErrc::key_disabled);
  apply(SetState{"cards", 0, 0, VersionState::enabled});
  EXPECT_TRUE(table.for_making("cards"));
}

TEST_F(Table, ADestroyedVersionHasNoMaterialAndItsNumberStaysTaken) {
  create_cards();
  rotate_cards(2);
  apply(SetState{"cards", 0, 2, VersionState::destroyed});
  EXPECT_TRUE(table.find("cards")->key.versions[1].material.empty());
  EXPECT_TRUE(table.for_making("cards").error().is(KeyStateErrc::version_destroyed));
  EXPECT_TRUE(table.for_reading("cards", 2).error().is(KeyStateErrc::version_destroyed));
  expect_refused(SetState{"cards", 0, 2, VersionState::enabled}, KeyStateErrc::version_destroyed);
  expect_refused(AddVersion{"cards", 0, 2, kNow, generated(9)}, KeyStateErrc::version_differs);
  rotate_cards(3);
  EXPECT_EQ(table.for_making("cards").value().version, 3u);
}

TEST_F(Table, ADestroyedKeyHasNoMaterialAndItsNameIsNeverUsedAgain) {
  create_cards();
  rotate_cards(2);
  apply(SetState{"cards", 0, 0, VersionState::destroyed});
  for (const KeyVersion& version : table.find("cards")->key.versions) {
    EXPECT_TRUE(version.material.empty());
    EXPECT_EQ(version.state, VersionState::destroyed);
  }
  EXPECT_TRUE(table.for_making("cards").error().is(KeyStateErrc::key_destroyed));
  expect_refused(new_key("cards", 1), KeyStateErrc::key_destroyed);
  expect_refused(AddVersion{"cards", 0, 3, kNow, generated(9)}, KeyStateErrc::key_destroyed);
  expect_refused(SetState{"cards", 0, 0, VersionState::enabled}, KeyStateErrc::key_destroyed);
  expect_refused(SetMinimum{"cards", 0, 2}, KeyStateErrc::key_destroyed);
  EXPECT_EQ(table.list("", 10).at(0).state, VersionState::destroyed);
}

TEST_F(Table, MaterialIsOfTheTypesOriginAndSize) {
  const auto key = [](KeyType type, NewVersion first) {
    return CreateKey{"k", type, false, kNow, std::move(first)};
  };
  expect_refused(key(KeyType::aes256, generated(1, 31)), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::aes256, generated(1, 0)), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::p384, generated(1, 32)), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::hmac, generated(1, 31)), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::hmac, generated(1, 65)), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::aes256, derived()), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::derived, generated(1)), KeyStateErrc::material_differs);
  expect_refused(key(KeyType::derived, {KeyOrigin::derived, 0, {}}),
                 KeyStateErrc::material_differs);
  expect_refused(key(KeyType::aes256, {KeyOrigin::generated, 1, material_of(1)}),
                 KeyStateErrc::material_differs);
  apply(CreateKey{"a", KeyType::p384, true, kNow, generated(1, 48)});
  apply(CreateKey{"b", KeyType::derived, false, kNow, derived()});
  EXPECT_TRUE(table.for_making("a").value().exportable);
  EXPECT_FALSE(table.for_making("b").value().exportable);
  expect_refused(AddVersion{"b", 0, 2, kNow, generated(1)}, KeyStateErrc::material_differs);
}

// What an entry says of generations and how it is sealed are held to one another, whoever wrote it.
TEST_F(Table, AGenerationTakesOverOnceAndByItsOwnFirstEntry) {
  sealed = {2, 0};
  expect_refused(TakeOver{1, 1}, KeyStateErrc::generation_differs);
  expect_refused(TakeOver{3, 1}, KeyStateErrc::generation_differs);
  apply(TakeOver{2, 1});
  sealed = {2, 2};
  expect_refused(TakeOver{2, 1}, KeyStateErrc::generation_differs);
  expect_refused(TakeOver{3, 1}, KeyStateErrc::generation_differs);
  sealed = {3, 2};
  expect_refused(new_key("a", 1), KeyStateErrc::generation_differs);
  expect_refused(TakeOver{2, 1}, KeyStateErrc::generation_differs);
  expect_refused(TakeOver{3, 2}, KeyStateErrc::generation_differs);
  apply(TakeOver{3, 1});
}

TEST_F(Table, NamesWithoutARecordMoveToTheGenerationThatSeals) {
  sealed = {3, 2};
  apply(TakeOver{3, 1});
  sealed = {3, 3};
  for (const std::uint32_t to : {0u, 1u, 2u, 4u})
    expect_refused(MoveImplicit{1, to}, KeyStateErrc::generation_differs);
  expect_refused(MoveImplicit{2, 3}, KeyStateErrc::generation_differs);
  apply(MoveImplicit{1, 3});
  EXPECT_EQ(table.implicit_generation(), 3u);
}

TEST_F(Table, WhatIsDerivedComesFromTheGenerationThatSeals) {
  sealed = {2, 2};
  apply(CreateKey{"k", KeyType::derived, true, kNow, {KeyOrigin::derived, 2, {}}});
  for (const std::uint32_t generation : {1u, 3u}) {
    const auto from = [&] { return NewVersion{KeyOrigin::derived, generation, {}}; };
    expect_refused(CreateKey{"l", KeyType::derived, true, kNow, from()},
                   KeyStateErrc::generation_differs);
    expect_refused(AddVersion{"k", 0, 2, kNow, from()}, KeyStateErrc::generation_differs);
  }
}

TEST_F(Table, NamesAreKeyNames) {
  for (const char* name : {"", "a//b", "a/../b", "*"}) {
    expect_refused(new_key(name, 1), policy::AdmissionErrc::bad_key_name);
    expect_refused(SetMinimum{name, 1, 1}, policy::AdmissionErrc::bad_key_name);
  }
}

TEST_F(Table, ReservationsFollowOneAnother) {
  GrantIdentity grant;
  EXPECT_EQ(table.reserved_uses(grant), 0u);
  expect_refused(ReserveUses{grant, 1, 5}, KeyStateErrc::uses_differ);
  apply(ReserveUses{grant, 0, 5});
  EXPECT_EQ(table.reserved_uses(grant), 5u);
  expect_refused(ReserveUses{grant, 0, 5}, KeyStateErrc::uses_differ);
  expect_refused(ReserveUses{grant, 5, 5}, KeyStateErrc::uses_differ);
  expect_refused(ReserveUses{grant, 5, 4}, KeyStateErrc::uses_differ);
  apply(ReserveUses{grant, 5, UINT64_MAX});
}

TEST_F(Table, AnAuditLogGoesToNewerKeysAndForward) {
  sealed = {3, 3};
  EXPECT_EQ(table.handed_log("acme/audit/custodian"), nullptr);
  apply(handed_log(2, 300));
  expect_refused(handed_log(2, 300), KeyStateErrc::log_handed_over);
  expect_refused(handed_log(2, 301), KeyStateErrc::log_handed_over);
  expect_refused(handed_log(1, 301), KeyStateErrc::log_handed_over);
  expect_refused(handed_log(3, 299), KeyStateErrc::log_handed_over);
  apply(handed_log(3, 300));
  EXPECT_EQ(*table.handed_log("acme/audit/custodian"), handed_log(3, 300));
  apply(handed_log(1, 0, "acme/audit/custodian-b"));
  expect_refused(handed_log(0, 0, "acme/audit/custodian-c"), KeyStateErrc::malformed_change);
  expect_refused(handed_log(1, 0, ""), KeyStateErrc::malformed_change);
}

// Handed to a generation before that took over, under a policy that is not in force any more.
TEST_F(Table, AnAuditLogComesBackFromAKeyThatNeverTookOver) {
  apply(handed_log(2, 300));
  apply(handed_log(1, 300));
  apply(handed_log(2, 301));
  sealed = {2, 1};
  apply(TakeOver{2, 1});
  sealed = {2, 2};
  expect_refused(handed_log(1, 302), KeyStateErrc::log_handed_over);
}

// Numbers of production where a test reaches them, small ones otherwise.
static_assert(TableLimits().keys == kMaxKeys && TableLimits().versions == kMaxVersions &&
              TableLimits().counted_grants == kMaxCountedGrants);

Status load_into(const TableLimits& limits, const KeyTable& table) {
  TableLoader loader(limits);
  for (const SecretBytes& piece : table.save()) {
    const Status loaded = loader.load(piece);
    if (!loaded) return loaded;
  }
  const auto loaded = loader.finish();
  return loaded ? Status() : Status(loaded.error());
}

TEST_F(Table, TakesAsManyKeysAsItsLimitAndNoMore) {
  table = KeyTable(TableLimits{.keys = 3});
  apply(new_key("a", 1));
  apply(new_key("b", 1));
  apply(SetMinimum{"implicit", 1, 1});
  expect_refused(new_key("c", 1), KeyStateErrc::too_many);
  expect_refused(SetMinimum{"another", 1, 1}, KeyStateErrc::too_many);
  expect_refused(AddVersion{"another", 1, 2, kNow, derived()}, KeyStateErrc::too_many);
  apply(AddVersion{"a", 0, 2, kNow, generated(2)});
  EXPECT_TRUE(load_into({.keys = 3}, table));
  EXPECT_TRUE(load_into({.keys = 2}, table).error().is(KeyStateErrc::malformed_state));
}

TEST_F(Table, TakesAsManyVersionsAsItsLimitAndNoMore) {
  create_cards();
  for (std::uint32_t version = 2; version <= kMaxVersions; ++version)
    rotate_cards(version);
  expect_refused(AddVersion{"cards", 0, kMaxVersions + 1, kNow, generated(1)},
                 KeyStateErrc::too_many);
  EXPECT_TRUE(load_into({}, table));
  EXPECT_TRUE(
      load_into({.versions = kMaxVersions - 1}, table).error().is(KeyStateErrc::malformed_state));
}

TEST_F(Table, CountsAsManyGrantsAsItsLimitAndNoMore) {
  table = KeyTable(TableLimits{.counted_grants = 2});
  GrantIdentity first{}, second{}, third{};
  second.mutable_view()[0] = 1;
  third.mutable_view()[0] = 2;
  apply(ReserveUses{first, 0, 5});
  apply(ReserveUses{second, 0, 5});
  expect_refused(ReserveUses{third, 0, 5}, KeyStateErrc::too_many);
  apply(ReserveUses{second, 5, 10});
  EXPECT_TRUE(load_into({.counted_grants = 2}, table));
  EXPECT_TRUE(load_into({.counted_grants = 1}, table).error().is(KeyStateErrc::malformed_state));
}

TEST_F(Table, KnowsOfAsManyLogsAsItsLimitAndNoMore) {
  static_assert(TableLimits().handed_logs == kMaxHandedLogs);
  table = KeyTable(TableLimits{.handed_logs = 2});
  apply(handed_log(1, 0, "a"));
  apply(handed_log(1, 0, "b"));
  expect_refused(handed_log(1, 0, "c"), KeyStateErrc::too_many);
  EXPECT_TRUE(load_into({.handed_logs = 2}, table));
  EXPECT_TRUE(load_into({.handed_logs = 1}, table).error().is(KeyStateErrc::malformed_state));
}

TEST_F(Table, ListsInPagesByName) {
  for (const char* name : {"c", "a", "b/x", "b"})
    apply(new_key(name, 1));
  std::vector<std::string> names;
  std::string after;
  for (;;) {
    const auto page = table.list(after, 3);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3u);
    for (const KeySummary& key : page)
      names.push_back(after = key.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "b/x", "c"}));
  const KeyDescription description = table.describe("a").value();
  EXPECT_EQ(description.summary.newest_version, 1u);
  EXPECT_EQ(description.summary.created, kNow);
  EXPECT_EQ(description.versions.at(0).origin, KeyOrigin::generated);
}

TEST_F(Table, ASnapshotOfManyPiecesMakesTheSameTable) {
  for (int i = 0; i < 2000; ++i)
    apply(new_key("keys/number-" + std::to_string(i), static_cast<std::uint8_t>(i)));
  for (std::uint32_t version = 2; version < 900; ++version)
    apply(AddVersion{"keys/number-7", 0, version, kNow, generated(3)});
  apply(SetState{"keys/number-8", 0, 0, VersionState::destroyed});
  apply(SetMinimum{"keys/number-7", 0, 100});
  apply(ReserveUses{{}, 0, 17});
  apply(handed_log(1, 70'000, "acme/audit/custodian"));
  apply(handed_log(1, 0, "acme/audit/custodian-b"));
  const auto pieces = table.save();
  EXPECT_GT(pieces.size(), 2u);
  TableLoader loader;
  for (const SecretBytes& piece : pieces) {
    EXPECT_LE(piece.size(), journal::kMaxContent);
    ASSERT_TRUE(loader.load(piece));
  }
  const KeyTable loaded = loader.finish().value();
  EXPECT_EQ(contents(loaded), contents(table));
  EXPECT_EQ(loaded.for_making("keys/number-7").value().version, 899u);
}

TEST_F(Table, ASnapshotThatIsNoneIsRefused) {
  apply(new_key("b", 1));
  apply(AddVersion{"b", 0, 2, kNow, generated(2)});
  apply(ReserveUses{{}, 0, 17});
  apply(handed_log(1, 300));
  const Bytes whole = base::to_bytes(table.save().at(0).expose(SecretAccess{}));
  const auto refused = [](std::vector<Bytes> pieces) {
    TableLoader loader;
    for (Bytes& piece : pieces) {
      const Status loaded = loader.load(SecretBytes::take(piece));
      if (!loaded) return loaded.error().is(KeyStateErrc::malformed_state);
    }
    const auto loaded = loader.finish();
    return !loaded && loaded.error().is(KeyStateErrc::malformed_state);
  };
  EXPECT_FALSE(refused({whole}));
  EXPECT_TRUE(refused({whole, whole}));  // names do not ascend
  const std::size_t key_size = 9;        // the item before the first version
  const Bytes key(whole.begin(), whole.begin() + key_size);
  const Bytes rest(whole.begin() + key_size, whole.end());
  EXPECT_FALSE(refused({key, rest}));
  EXPECT_TRUE(refused({key}));
  EXPECT_TRUE(refused({rest}));
  EXPECT_TRUE(refused({key, whole}));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_TRUE(refused({cut})) << at;
  }
}

TEST(DueRotations, AreThoseOlderThanTheShortestIntervalThatMatches) {
  using std::chrono::hours;
  KeyTable table;
  const auto apply = [&](Change change) { return table.apply(std::move(change), {1, 1}); };
  const auto create = [&](std::string name, UnixMillis at, KeyOrigin origin) {
    ASSERT_TRUE(
        apply(CreateKey{std::move(name), KeyType::aes256, false, at, {origin, 0, material_of(1)}}));
  };
  create("pay/old", kNow - hours(48), KeyOrigin::generated);
  create("pay/new", kNow - hours(1), KeyOrigin::generated);
  create("pay/brought", kNow - hours(48), KeyOrigin::imported);
  create("pay/off", kNow - hours(48), KeyOrigin::generated);
  create("other", kNow - hours(48), KeyOrigin::generated);
  ASSERT_TRUE(apply(SetState{"pay/off", 0, 0, VersionState::disabled}));
  const auto every = [](std::uint64_t count) { return policy::RotationInterval{count * 3600}; };
  const auto due = [&](const policy::RotationIntervals& rules) {
    std::vector<std::string> names;
    for (const DueRotation& one : due_rotations(table, rules, kNow))
      names.push_back(one.name);
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(due({}), Names{});
  EXPECT_EQ(due({{"pay/*", every(24)}}), Names{"pay/old"});
  EXPECT_EQ(due({{"*", every(48)}}), (Names{"other", "pay/old"}));
  EXPECT_EQ(due({{"*", every(49)}}), Names{});
  EXPECT_EQ(due({{"*", every(24)}, {"pay/*", every(1)}}), (Names{"other", "pay/new", "pay/old"}));
  const auto one = due_rotations(table, policy::RotationIntervals{{"other", every(24)}}, kNow);
  EXPECT_EQ(one.at(0).newest_version, 1u);
  EXPECT_EQ(one.at(0).due, kNow - hours(24));
  ASSERT_TRUE(apply(AddVersion{"pay/old", 0, 2, kNow, generated(2)}));
  EXPECT_EQ(due({{"pay/*", every(24)}}), Names{});
}

}  // namespace
}  // namespace concordat::test
