// Heads of the journal as peers carry them, and what a custody makes of them.
#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/messages.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Status;

Root root_of(std::uint8_t fill, std::uint32_t generation = 1) {
  Bytes bytes(kRootSize, fill);
  return Root::create(generation, base::SecretBytes::take(bytes)).value();
}
journal::Head head_at(std::uint64_t position, std::uint8_t fill = 7) {
  const Bytes hash(base::Sha256Digest::kSize, fill);
  return {position, base::Sha256Digest::from(hash).value()};
}

TEST(HeadRecord, IsReadAsItWasWritten) {
  const VouchedHead head = vouch_for(root_of(1), head_at(300));
  const Bytes record = encode(head);
  EXPECT_EQ(decode_head_record(record).value().value(), head);
  EXPECT_TRUE(check_vouched(root_of(1), head));
}

TEST(HeadRecord, OfAnotherRootGenerationPositionOrHashIsForged) {
  const Root root = root_of(1);
  const VouchedHead head = vouch_for(root, head_at(300));
  EXPECT_TRUE(check_vouched(root_of(2), head).error().is(Errc::head_forged));
  EXPECT_TRUE(check_vouched(root_of(1, 2), head).error().is(Errc::head_forged));
  VouchedHead later = head;
  ++later.head.position;
  EXPECT_TRUE(check_vouched(root, later).error().is(Errc::head_forged));
  VouchedHead other = head;
  other.head.hash = head_at(1, 8).hash;
  EXPECT_TRUE(check_vouched(root, other).error().is(Errc::head_forged));
  VouchedHead changed = head;
  changed.tag.mutable_view()[31] ^= 1;
  EXPECT_TRUE(check_vouched(root, changed).error().is(Errc::head_forged));
}

TEST(HeadRecord, OfNoOtherShape) {
  const Bytes record = encode(vouch_for(root_of(1), head_at(300)));
  for (std::size_t size = 0; size < record.size(); ++size) {
    const auto cut = decode_head_record(base::BytesView(record).first(size));
    EXPECT_TRUE(!cut || !*cut) << size;
  }
  Bytes longer = record;
  longer.push_back(0);
  EXPECT_TRUE(decode_head_record(longer).error().is(Errc::malformed_head));
  const auto request = encode(1, RequestBody(GetRequest{"payments/a", 1}));
  EXPECT_FALSE(decode_head_record(request.expose(base::SecretAccess{})).value().has_value());
}

class TakeSeen : public testing::Test {
 protected:
  void create(const std::string& name) {
    NewVersion first{KeyOrigin::generated, 0, generate(KeyType::hmac, held_.random).value()};
    held_.custody.keyring().create({name, KeyType::hmac, true, {}, std::move(first)},
                                   [](const base::Result<KeySummary>& made) { ASSERT_TRUE(made); });
    held_.shared.run();
  }
  // What `then` was told, if it was.
  std::optional<Status> take(const VouchedHead& seen) {
    std::optional<Status> told;
    held_.custody.take_seen(seen, "w", [&](const Status& status) { told = status; });
    held_.shared.run();
    return told;
  }
  VouchedHead vouched(const journal::Head& head) const {
    return vouch_for(held_.custody.root(), head);
  }
  static base::SecretBytes bytes_of_root() {
    Bytes bytes(kRootSize, kFill);
    return base::SecretBytes::take(bytes);
  }
  static constexpr std::uint8_t kFill = 1;
  test::LoadedCustody held_{"acme", 1, bytes_of_root()};
};

TEST_F(TakeSeen, OfOnesOwnPastIsNoNews) {
  create("a");
  const VouchedHead first = held_.custody.head().value();
  create("b");
  EXPECT_NE(held_.custody.head().value(), first);
  EXPECT_TRUE(take(first)->has_value());
  EXPECT_TRUE(take(held_.custody.head().value())->has_value());
  EXPECT_TRUE(take(vouched({}))->has_value()) << "a head of nothing";
}

TEST_F(TakeSeen, ForgedIsTakenForNothing) {
  create("a");
  EXPECT_TRUE(take(vouch_for(root_of(9), head_at(300)))->error().is(Errc::head_forged));
  EXPECT_TRUE(take(held_.custody.head().value())->has_value()) << "as if it had never come";
}

// Nobody is told of a rollback because somebody else wrote while the store was looked at.
TEST_F(TakeSeen, WhatComesDuringALookIsLookedForByItsOwn) {
  create("a");
  test::MemoryStore store(held_.shared);
  store.answers_later = false;
  Custody other(store, held_.random);
  other.take(root_of(kFill), "acme");
  const auto change = [&](const std::string& name) {
    other.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
    NewVersion first{KeyOrigin::generated, 0, generate(KeyType::hmac, held_.random).value()};
    other.keyring().create({name, KeyType::hmac, true, {}, std::move(first)},
                           [](const base::Result<KeySummary>& made) { ASSERT_TRUE(made); });
    return other.head().value();
  };
  held_.store.answers_later = true;
  std::vector<Status> told;
  const auto tell = [&](const Status& status) { told.push_back(status); };
  // The store has answered, and the answer is under way.
  held_.custody.take_seen(change("b"), "w", tell);
  held_.custody.take_seen(change("c"), "w", tell);
  held_.shared.run();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0]) << told[0].error().to_string();
  EXPECT_TRUE(told[1]) << told[1].error().to_string();
}

TEST_F(TakeSeen, LaterThanTheStoreIsRolledBackUntilTheStoreHasIt) {
  create("a");
  const auto yesterday = held_.shared.records;
  create("b");
  const auto today = held_.shared.records;
  const VouchedHead seen = held_.custody.head().value();
  held_.shared.records = yesterday;
  held_.custody.take(root_of(kFill), "acme");
  held_.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  EXPECT_TRUE(take(seen)->error().is(journal::Errc::rolled_back));
  EXPECT_TRUE(take(vouched({}))->error().is(journal::Errc::rolled_back)) << "it is remembered";
  held_.shared.records = today;
  EXPECT_TRUE(take(vouched({}))->has_value());
}

TEST_F(TakeSeen, TheStoreIsAskedBeforeAnybodyIsRefused) {
  create("a");
  held_.store.answers_later = true;
  std::optional<Status> told;
  held_.custody.take_seen(vouched(head_at(300)), "w", [&](const Status& status) { told = status; });
  EXPECT_FALSE(told);
  EXPECT_TRUE(held_.custody.is_looking());
  held_.shared.run();
  EXPECT_FALSE(held_.custody.is_looking());
  EXPECT_TRUE(told->error().is(journal::Errc::rolled_back));
}

TEST_F(TakeSeen, AnUnreachableStoreIsSaidAsSuch) {
  create("a");
  held_.store.fail_all(test::MemoryStore::Failure::refused);
  EXPECT_TRUE(take(vouched(head_at(300)))->error().is(journal::Errc::unreachable));
  EXPECT_FALSE(held_.custody.is_looking());
}

TEST_F(TakeSeen, TwoPeersThatSawDifferentEntriesAtOnePlaceShowAFork) {
  create("a");
  const VouchedHead own = held_.custody.head().value();
  EXPECT_TRUE(take(vouched(head_at(300, 1)))->error().is(journal::Errc::rolled_back));
  EXPECT_TRUE(take(vouched(head_at(300, 2)))->error().is(journal::Errc::forked));
  EXPECT_TRUE(take(own)->error().is(journal::Errc::forked)) << "nothing heals that";
}

// The head of a fork, brought by somebody honest whom its custodian served, takes no other's place.
TEST_F(TakeSeen, EachHeadThatIsMissingIsWaitedFor) {
  create("a");
  const auto yesterday = held_.shared.records;
  create("b");
  const VouchedHead seen = held_.custody.head().value();
  held_.shared.records = yesterday;
  held_.custody.wipe();
  test::LoadedCustody fork("acme", 1, bytes_of_root());
  fork.shared.records = yesterday;
  fork.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  for (const char* name : {"c", "d"}) {
    NewVersion first{KeyOrigin::generated, 0, generate(KeyType::hmac, fork.random).value()};
    fork.custody.keyring().create({name, KeyType::hmac, true, {}, std::move(first)},
                                  [](const base::Result<KeySummary>& made) { ASSERT_TRUE(made); });
  }
  const VouchedHead forks = fork.custody.head().value();

  test::LoadedCustody late("acme", 1, bytes_of_root());
  late.shared.records = yesterday;
  late.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  const auto bring = [&](const VouchedHead& head) {
    Status told;
    late.custody.take_seen(head, "w", [&](const Status& status) { told = status; });
    return told;
  };
  EXPECT_TRUE(bring(seen).error().is(journal::Errc::rolled_back));
  EXPECT_FALSE(late.custody.head()) << "nobody is told a head that may be a fork's";
  late.shared.records = fork.shared.records;
  EXPECT_TRUE(bring(forks).error().is(journal::Errc::forked));
}

// What this custodian itself read needs nobody to remember it.
TEST_F(TakeSeen, AStoreThatIsRolledBackWhileTheRootIsAwayIsNoticed) {
  create("a");
  const auto yesterday = held_.shared.records;
  create("b");
  const auto today = held_.shared.records;
  held_.custody.wipe();
  held_.shared.records = yesterday;
  held_.custody.take(root_of(kFill), "acme");
  held_.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  EXPECT_FALSE(held_.custody.head());
  EXPECT_TRUE(take(vouched({}))->error().is(journal::Errc::rolled_back));
  held_.shared.records = today;
  held_.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  EXPECT_TRUE(held_.custody.head());
}

// Nor does it matter that nobody asked between a load and the next loss of the root.
TEST_F(TakeSeen, AForkThatIsReadWhileTheRootComesAndGoesIsNoticed) {
  create("a");
  const auto yesterday = held_.shared.records;
  create("b");
  const auto unload = [&] { held_.custody.wipe(); };
  const auto load = [&] {
    held_.custody.take(root_of(kFill), "acme");
    held_.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  };
  unload();
  held_.shared.records = yesterday;
  test::LoadedCustody other("acme", 1, bytes_of_root());
  other.shared.records = yesterday;
  other.custody.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
  for (const char* name : {"c", "d"}) {
    other.custody.keyring().adopt(name, [](const auto& made) { ASSERT_TRUE(made); });
    other.shared.run();
  }
  held_.shared.records = other.shared.records;
  load();
  unload();
  load();
  EXPECT_FALSE(held_.custody.head());
  EXPECT_TRUE(take(vouched({}))->error().is(journal::Errc::forked));
}

TEST_F(TakeSeen, AnotherGenerationsIsTakenForNothing) {
  create("a");
  EXPECT_TRUE(take(vouch_for(root_of(kFill, 2), head_at(300)))->has_value());
  EXPECT_TRUE(held_.custody.head());
}

TEST_F(TakeSeen, TheRootThatGoesTakesItWithIt) {
  create("a");
  held_.store.answers_later = true;
  bool is_told = false;
  held_.custody.take_seen(vouched(head_at(300)), "w", [&](const Status&) { is_told = true; });
  held_.custody.wipe();
  held_.shared.run();
  EXPECT_FALSE(is_told);
  EXPECT_FALSE(held_.custody.is_looking());
}

}  // namespace
}  // namespace concordat::keyservice
