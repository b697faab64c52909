// Heads under root generations that a custodian does not hold, or that had been replaced: a parent
// that keeps a root back and puts an older store in place gains nothing by it.
#include <gtest/gtest.h>

#include "keyservice/custody.hpp"
#include "keyservice/error.hpp"
#include "keyservice/journal/errc.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::keyservice {
namespace {

using test::MemoryStore;

Root numbered(std::uint32_t generation, std::uint8_t fill = 0x40) {
  base::Bytes bytes(kRootSize, static_cast<std::uint8_t>(fill + generation));
  return Root::create(generation, base::SecretBytes::take(bytes)).value();
}
VouchedHead claimed(const Root& root, std::uint64_t position) {
  return vouch_for(root, {position, base::sha256({base::as_bytes("an entry of somebody's")})});
}

class UnheldGeneration : public testing::Test {
 protected:
  struct Keeper {
    Keeper(MemoryStore::Shared& shared, const policy::PolicyPtr& policy,
           const std::vector<std::uint32_t>& held)
        : store(shared) {
      store.answers_later = false;
      give(policy, held);
    }
    // As RootKeeper does; without the load that follows.
    void give(const policy::PolicyPtr& policy, const std::vector<std::uint32_t>& held) {
      for (const std::uint32_t generation : held)
        custody.take(numbered(generation), "acme");
      custody.pin(*policy);
    }
    std::string load() {
      base::Status out = base::Error(journal::Errc::not_loaded);
      custody.load([&](const base::Status& status) { out = status; });
      return out ? "ok" : std::string(out.error().name());
    }
    std::string check(const policy::PolicyPtr& policy) {
      const base::Status able = custody.check(*policy);
      return able ? "ok" : std::string(able.error().name());
    }
    // What whoever brought it was told so far.
    std::shared_ptr<std::vector<std::string>> bring(const VouchedHead& head,
                                                    const std::string& reporter = "w") {
      const auto told = std::make_shared<std::vector<std::string>>();
      custody.take_seen(head, reporter, [told](const base::Status& status) {
        told->push_back(status ? "ok" : std::string(status.error().name()));
      });
      return told;
    }
    void adopt(const std::string& name) {
      custody.keyring().adopt(name, [](const auto& made) { ASSERT_TRUE(made); });
    }

    MemoryStore store;
    base::SystemRandom random;
    Custody custody{store, random};
  };

  policy::PolicyPtr pins(const std::vector<std::uint32_t>& generations, std::uint32_t current) {
    std::string list;
    for (const std::uint32_t generation : generations) {
      list += (list.empty() ? "" : ", ") + (R"({"generation": )" + std::to_string(generation)) +
              R"(, "state": ")" + (generation == current ? "current" : "read_only") +
              R"(", "commitment": ")" + numbered(generation).commitment().hex() + "\"}";
    }
    return test::signed_policy(
        authority_, test::replaced(test::sample_policy(authority_.descriptor()),
                                   "\"generations\": []", "\"generations\": [" + list + "]"));
  }
  // The store of before and of after the second generation took over, and the head that a worker
  // saw then.
  UnheldGeneration() {
    Keeper first(world_, both_, {1, 2});
    EXPECT_EQ(first.load(), "ok");
    first.adopt("payments/a");
    yesterday_.records = world_.records;
    first.adopt("payments/b");
    under_first_ = first.custody.head().value();
    first.custody.keyring().take_over(2, [](const base::Status& done) { ASSERT_TRUE(done); });
    first.adopt("payments/c");
    under_second_ = first.custody.head().value();
    EXPECT_EQ(under_second_.generation, 2u);
  }

  test::TestAuthority authority_;
  const policy::PolicyPtr both_ = pins({1, 2}, 1), second_current_ = pins({1, 2}, 2);
  MemoryStore::Shared world_, yesterday_;
  VouchedHead under_first_, under_second_;
};

TEST_F(UnheldGeneration, OfWhichAPeerSawAHeadStopsServingUntilItsRootIsThereToJudgeIt) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  ASSERT_EQ(late.check(both_), "ok") << "by itself it sees nothing";
  const auto told = late.bring(under_second_);
  EXPECT_EQ(*told, std::vector<std::string>{"generation_not_held"});
  EXPECT_EQ(late.check(both_), "generation_not_held");
  EXPECT_FALSE(late.custody.head()) << "nobody is told a head that may be an older store's";
  EXPECT_TRUE(late.custody.heads_for_custodians().empty());
  EXPECT_EQ(late.load(), "ok");
  EXPECT_EQ(late.check(both_), "generation_not_held") << "as long as it lasts";

  late.give(both_, {2});
  EXPECT_EQ(late.check(both_), "not_ready") << "it is still to be compared";
  EXPECT_EQ(late.load(), "ok");
  EXPECT_EQ(*told, (std::vector<std::string>{"generation_not_held", "rolled_back"}));
  EXPECT_EQ(late.check(both_), "rolled_back");
  yesterday_.records = world_.records;
  EXPECT_EQ(late.load(), "ok");
  EXPECT_EQ(late.check(both_), "ok");
  EXPECT_EQ(late.custody.head().value(), under_second_);
}

TEST_F(UnheldGeneration, OfWhichAHeadWasInventedStopsServingOnlyUntilItsRootIsThere) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  const auto told = late.bring(claimed(numbered(2, 0x50), 300));
  ASSERT_EQ(late.check(both_), "generation_not_held");
  late.give(both_, {2});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*told, (std::vector<std::string>{"generation_not_held", "head_forged"}));
  EXPECT_EQ(late.check(both_), "ok");
  EXPECT_TRUE(late.custody.head());
}

TEST_F(UnheldGeneration, ThatTheAuthorityWithdrawsSaysNothingAnyMore) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  late.bring(under_second_);
  const policy::PolicyPtr withdrawn = pins({1}, 1);
  late.custody.pin(*withdrawn);
  EXPECT_EQ(late.check(withdrawn), "ok");
  EXPECT_EQ(*late.bring(under_second_), std::vector<std::string>{"ok"});
  EXPECT_EQ(late.check(withdrawn), "ok");
}

// The way that it goes when nobody lies: pinned, got, taken over.
TEST_F(UnheldGeneration, StopsNobodyBeforeItHasTakenOver) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*late.bring(late.custody.head().value()), std::vector<std::string>{"ok"});
  EXPECT_EQ(*late.bring(vouch_for(numbered(2), {})), std::vector<std::string>{"ok"})
      << "with which a root comes from another custodian: nothing was seen";
  EXPECT_EQ(late.check(both_), "ok");
  late.give(both_, {2});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(late.check(both_), "ok");
}

TEST_F(UnheldGeneration, IsWaitedForThoughItsHeadCameBeforeAnyRoot) {
  Keeper late(yesterday_, both_, {});
  const auto early = late.bring(under_second_), other = late.bring(under_first_, "v");
  late.give(both_, {1});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*early, std::vector<std::string>{"generation_not_held"});
  EXPECT_EQ(*other, std::vector<std::string>{"rolled_back"}) << "and what can be judged is told";
  late.give(both_, {2});
  yesterday_.records = world_.records;
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*early, (std::vector<std::string>{"generation_not_held", "ok"}));
  EXPECT_EQ(late.check(both_), "ok");
}

// One that is older than what seals is lacking, and what the store has needs nobody's word.
TEST_F(UnheldGeneration, SaysNothingWhereTheStoreHasWhatWasSeen) {
  Keeper full(world_, second_current_, {1, 2});
  ASSERT_EQ(full.load(), "ok");
  full.custody.keyring().write_snapshot([](const base::Status& done) { ASSERT_TRUE(done); });
  Keeper late(world_, second_current_, {2});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*late.bring(under_first_), std::vector<std::string>{"ok"});
  EXPECT_EQ(late.check(second_current_), "ok");
  EXPECT_EQ(*late.bring(claimed(numbered(1), under_second_.head.position)),
            std::vector<std::string>{"head_forged"})
      << "where the second had taken over";
  EXPECT_EQ(*late.bring(claimed(numbered(1), under_first_.head.position)),
            std::vector<std::string>{"head_forged"})
      << "of which the second says what there was";
  EXPECT_EQ(late.check(second_current_), "ok");
}

// By a later one that the journal knows nothing of, or by one that is no more the policy's current.
TEST_F(UnheldGeneration, NorWhereOneThatDoesNotSealVouchesForIt) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  const journal::Head there = late.custody.head()->head;
  EXPECT_EQ(*late.bring(vouch_for(numbered(2), there)), std::vector<std::string>{"ok"});
  EXPECT_EQ(late.check(both_), "ok");
  Keeper waiting(yesterday_, second_current_, {1, 2});
  ASSERT_EQ(waiting.load(), "ok");
  EXPECT_EQ(*waiting.bring(vouch_for(numbered(1), there)), std::vector<std::string>{"ok"});
  EXPECT_EQ(waiting.custody.unjudged_heads(), 0u);
}

// Whoever has the replaced root makes the tag, and one admitted worker brings it.
TEST_F(UnheldGeneration, ThatWasReplacedStopsNobodyByAnInventedHead) {
  Keeper full(world_, second_current_, {1, 2});
  const auto early = full.bring(claimed(numbered(1), 1), "v");
  ASSERT_EQ(full.load(), "ok");
  EXPECT_EQ(*early, std::vector<std::string>{"head_forged"});
  for (std::uint64_t position = 1; position <= under_second_.head.position; ++position) {
    EXPECT_EQ(*full.bring(claimed(numbered(1), position)), std::vector<std::string>{"head_forged"})
        << position;
  }
  EXPECT_EQ(full.check(second_current_), "ok");
  EXPECT_EQ(full.custody.heads_for_custodians(), std::vector{under_second_});
  EXPECT_EQ(*full.bring(under_first_), std::vector<std::string>{"ok"});
}

// Before it is replaced it counts, and stops who hears of it: but by its own word alone, however
// many retell it.
TEST_F(UnheldGeneration, AnInventedHeadIsRetoldAsItCameAndIsAForgeryOnceItsRootIsReplaced) {
  const VouchedHead invented = claimed(numbered(1), 300);
  Keeper first(yesterday_, both_, {1, 2});
  ASSERT_EQ(first.load(), "ok");
  EXPECT_EQ(*first.bring(invented), std::vector<std::string>{"rolled_back"});
  EXPECT_EQ(first.custody.heads_for_custodians(), std::vector{invented});

  Keeper second(yesterday_, both_, {1, 2});
  ASSERT_EQ(second.load(), "ok");
  for (const VouchedHead& told : first.custody.heads_for_custodians())
    second.bring(told, "first");
  EXPECT_EQ(second.check(both_), "rolled_back");
  const std::vector<VouchedHead> retold = second.custody.heads_for_custodians();
  EXPECT_EQ(retold, std::vector{invented});

  Keeper anew(world_, second_current_, {1, 2});
  ASSERT_EQ(anew.load(), "ok");
  EXPECT_EQ(*anew.bring(retold.front(), "second"), std::vector<std::string>{"head_forged"});
  EXPECT_EQ(anew.check(second_current_), "ok");
}

// The later root's word is believed for longer, whoever came first.
TEST_F(UnheldGeneration, OfOneHeadUnderTwoRootsTheLaterOnesWordIsRetold) {
  const VouchedHead later = claimed(numbered(2), 300);
  Keeper late(yesterday_, both_, {1, 2});
  ASSERT_EQ(late.load(), "ok");
  for (const VouchedHead& head : {claimed(numbered(1), 300), later, claimed(numbered(1), 300)})
    EXPECT_EQ(*late.bring(head), std::vector<std::string>{"rolled_back"});
  EXPECT_EQ(late.custody.heads_for_custodians(), std::vector{later});
}

TEST_F(UnheldGeneration, WhoSawTwoHistoriesVouchesForNeither) {
  Keeper full(world_, second_current_, {1, 2});
  ASSERT_EQ(full.load(), "ok");
  EXPECT_EQ(*full.bring(claimed(numbered(2), under_second_.head.position)),
            std::vector<std::string>{"forked"});
  EXPECT_EQ(full.check(second_current_), "forked");
  EXPECT_TRUE(full.custody.heads_for_custodians().empty());
}

// Nobody brings a head: what it reads by itself says that its state is an older one.
TEST_F(UnheldGeneration, UnderWhichTheJournalWentOnStopsServing) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  ASSERT_EQ(late.check(both_), "ok");
  yesterday_.records = world_.records;
  EXPECT_EQ(late.load(), "unknown_generation");
  EXPECT_EQ(late.check(both_), "generation_not_held");
  late.give(both_, {2});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(late.check(both_), "ok");
}

TEST_F(UnheldGeneration, NothingIsWrittenWhileAHeadIsStillToBeJudged) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_TRUE(late.custody.may_change_journal());
  late.bring(under_second_);
  EXPECT_FALSE(late.custody.may_change_journal());
  late.give(both_, {2});
  yesterday_.records = world_.records;
  ASSERT_EQ(late.load(), "ok");
  EXPECT_TRUE(late.custody.may_change_journal());
}

TEST_F(UnheldGeneration, OneReporterKeepsItsFirstHeadAndItsLatest) {
  Keeper late(yesterday_, both_, {1});
  ASSERT_EQ(late.load(), "ok");
  const auto first = late.bring(under_second_);
  for (std::uint64_t position = 100; position < 200; ++position)
    EXPECT_TRUE(late.bring(claimed(numbered(2, 0x50), position))->empty()) << "it is said once";
  EXPECT_EQ(late.custody.unjudged_heads(), UnjudgedHeads::kMaxOfOne);
  late.bring(claimed(numbered(2, 0x50), 300), "v");
  EXPECT_EQ(late.custody.unjudged_heads(), UnjudgedHeads::kMaxOfOne + 1);
  late.give(both_, {2});
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(late.custody.unjudged_heads(), 0u);
  EXPECT_EQ(*first, (std::vector<std::string>{"generation_not_held", "rolled_back"}));
}

// The policy calls the second current and the store is of before it took over: the head of an
// honest worker is no forgery.
TEST_F(UnheldGeneration, AnOlderHeadIsJudgedByItsPlaceOnceTheCurrentOneHasTakenOver) {
  Keeper late(yesterday_, second_current_, {1, 2});
  ASSERT_EQ(late.load(), "ok");
  const auto honest = late.bring(under_first_);
  const auto invented = late.bring(claimed(numbered(1), 300), "v");
  EXPECT_TRUE(honest->empty() && invented->empty());
  EXPECT_EQ(late.check(second_current_), "generation_not_taken_over");
  yesterday_.records = world_.records;
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*honest, std::vector<std::string>{"ok"});
  EXPECT_EQ(*invented, std::vector<std::string>{"head_forged"});
  EXPECT_EQ(late.check(second_current_), "ok");
}

TEST_F(UnheldGeneration, AHeadThatCameDuringTheLoadIsToldWhenItIsOver) {
  Keeper late(yesterday_, both_, {1, 2});
  const auto told = late.bring(under_second_);
  EXPECT_TRUE(told->empty());
  ASSERT_EQ(late.load(), "ok");
  EXPECT_EQ(*told, std::vector<std::string>{"rolled_back"});
  EXPECT_EQ(late.check(both_), "rolled_back");
}

}  // namespace
}  // namespace concordat::keyservice
