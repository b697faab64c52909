// Uses are counted durably and never exceeded: restarts, two custodians, lost answers, edits.
#include "keyservice/keyring/state/use_limits.hpp"

#include "keyservice/keyring/state/limits.hpp"
#include "tests/keyring/custodian.hpp"

namespace concordat::test {
namespace {

using namespace keyservice;

policy::Grant grant_of(std::uint64_t limit) {
  return {"payments", "cards/*", {policy::Operation::sign, policy::Operation::get}, limit, {}};
}

TEST(GrantIdentity, SurvivesEditsOfLimitExpiryAndOrderAndNothingElse) {
  const GrantIdentity identity = identity_of(grant_of(10));
  policy::Grant same = grant_of(20);
  same.expires = kNow;
  std::swap(same.operations[0], same.operations[1]);
  EXPECT_EQ(identity_of(same), identity);
  policy::Grant other = grant_of(10);
  other.role = "billing";
  EXPECT_NE(identity_of(other), identity);
  other = grant_of(10);
  other.keys = "cards/a";
  EXPECT_NE(identity_of(other), identity);
  other = grant_of(10);
  other.operations.push_back(policy::Operation::verify);
  EXPECT_NE(identity_of(other), identity);
}

TEST(BlockSize, AdaptsToTheLimit) {
  EXPECT_EQ(block_size(1), 1u);
  EXPECT_EQ(block_size(255), 1u);
  EXPECT_EQ(block_size(256), 2u);
  EXPECT_EQ(block_size(12'800), 100u);
  EXPECT_EQ(block_size(UINT64_MAX), kLargestBlock);
}

TEST(UseLimits, AllowAsManyUsesAsTheLimitAndNotOneMore) {
  for (const std::uint64_t limit : {1u, 7u, 300u, 1000u}) {
    MemoryStore::Shared world;
    Custodian custodian(world);
    ASSERT_TRUE(custodian.load());
    for (std::uint64_t i = 0; i < limit; ++i)
      ASSERT_TRUE(custodian.use(grant_of(limit))) << i << " of " << limit;
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(custodian.use(grant_of(limit)).error().is(KeyStateErrc::use_limit_reached));
    EXPECT_EQ(custodian.keyring.uses().reserved(identity_of(grant_of(limit))), limit);
  }
}

TEST(UseLimits, ATakenUseCostsNoCallOfTheStore) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  const policy::Grant grant = grant_of(128'000);
  const std::size_t before = custodian.store.creates();
  for (int i = 0; i < 10'000; ++i)
    ASSERT_TRUE(custodian.use(grant));
  EXPECT_LE(custodian.store.creates() - before, 11u);
}

TEST(UseLimits, AUseWhileTheNextBlockIsReservedIsAnsweredFromTheRest) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  const policy::Grant grant = grant_of(128'000);
  ASSERT_TRUE(custodian.use(grant));
  // Nothing is answered by the store, and yet a whole block of uses is.
  std::size_t allowed = 0;
  for (int i = 0; i < 1'100; ++i)
    custodian.count_use(grant, [&](const Status& status) { allowed += status.has_value(); });
  EXPECT_EQ(allowed, 999u);
  custodian.shared.run();
  EXPECT_EQ(allowed, 1'100u);
}

TEST(UseLimits, ManyThatWaitTakeOneReservationAndAreServedInOrder) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  const policy::Grant grant = grant_of(60);
  std::vector<int> served;
  std::vector<int> refused;
  for (int i = 0; i < 100; ++i) {
    custodian.count_use(grant,
                        [&, i](const Status& status) { (status ? served : refused).push_back(i); });
  }
  const std::size_t before = custodian.store.creates();
  world.run();
  EXPECT_LE(custodian.store.creates() - before, 1u);
  ASSERT_EQ(served.size(), 60u);
  ASSERT_EQ(refused.size(), 40u);
  EXPECT_TRUE(std::ranges::is_sorted(served));
  EXPECT_LT(served.back(), refused.front());
}

TEST(UseLimits, WaitingIsBounded) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  Status last;
  for (std::size_t i = 0; i <= kMaxWaitingUses; ++i)
    custodian.count_use(grant_of(UINT64_MAX), [&](const Status& status) { last = status; });
  EXPECT_TRUE(last.error().is(KeyStateErrc::too_many_waiting));
  world.run();
}

TEST(UseLimits, ARestartBurnsAtMostOneAndAQuarterBlocksAndNeverExceeds) {
  for (const std::uint64_t limit : {100u, 12'800u}) {
    MemoryStore::Shared world;
    std::uint64_t allowed = 0;
    std::uint64_t restarts = 0;
    for (bool is_used_up = false; !is_used_up; ++restarts) {
      Custodian custodian(world);
      ASSERT_TRUE(custodian.load());
      for (int i = 0; i < 40 && !is_used_up; ++i) {
        const Status used = custodian.use(grant_of(limit));
        allowed += used.has_value();
        is_used_up = !used;
        EXPECT_TRUE(used || used.error().is(KeyStateErrc::use_limit_reached));
      }
    }
    EXPECT_LE(allowed, limit);
    const std::uint64_t block = block_size(limit);
    EXPECT_GE(allowed + restarts * (block == 1 ? 0 : block + block / kReserveAhead), limit);
  }
}

TEST(UseLimits, TwoCustodiansShareOneLimit) {
  MemoryStore::Shared world;
  Custodian a(world);
  Custodian b(world);
  ASSERT_TRUE(a.load());
  ASSERT_TRUE(b.load());
  const policy::Grant grant = grant_of(1'000);
  std::uint64_t allowed = 0;
  for (int i = 0; i < 1'000; ++i) {
    for (Custodian* custodian : {&a, &b})
      custodian->count_use(grant, [&](const Status& status) { allowed += status.has_value(); });
    if (i % 7 == 0) world.run();
  }
  world.run();
  EXPECT_LE(allowed, 1'000u);
  EXPECT_GE(allowed, 1'000u - 2 * block_size(1'000));
}

TEST(UseLimits, EveryCallThatFailsNeverAllowsMoreThanTheLimit) {
  constexpr std::uint64_t kLimit = 12;
  for (const Failure failure :
       {Failure::refused, Failure::lost_answer, Failure::late, Failure::full}) {
    for (std::size_t number = 1;; ++number) {
      MemoryStore::Shared world;
      Custodian custodian(world);
      custodian.store.fail_call(number, failure);
      std::uint64_t allowed = 0;
      for (int tries = 0; tries < 2 && !custodian.load(); ++tries) {
      }
      for (std::uint64_t i = 0; i < 2 * kLimit; ++i) {
        const Status used = custodian.use(grant_of(kLimit));
        allowed += used.has_value();
        if (!used && !used.error().is(KeyStateErrc::use_limit_reached)) {
          EXPECT_TRUE(used.error().is(KeyStateErrc::uses_not_recorded));
        }
      }
      EXPECT_LE(allowed, kLimit);
      EXPECT_GE(allowed, kLimit - 1);  // an unknown outcome burns its block
      Custodian later(world);
      ASSERT_TRUE(later.load());
      EXPECT_TRUE(later.use(grant_of(kLimit)).error().is(KeyStateErrc::use_limit_reached));
      if (number > custodian.store.calls()) break;
    }
  }
}

TEST(UseLimits, AUseIsNotAllowedWhileTheStoreIsAwayAndIsAgainAfterwards) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  custodian.store.fail_all(Failure::refused);
  EXPECT_TRUE(custodian.use(grant_of(10)).error().is(KeyStateErrc::uses_not_recorded));
  custodian.store.fail_all(std::nullopt);
  EXPECT_TRUE(custodian.use(grant_of(10)));
}

TEST(UseLimits, AnEditedLimitCountsWhatWasUsed) {
  MemoryStore::Shared world;
  Custodian custodian(world);
  ASSERT_TRUE(custodian.load());
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(custodian.use(grant_of(1'280)));  // a block of ten
  ASSERT_TRUE(custodian.use(grant_of(1'280)));
  // Lowered below what is reserved already: the numbers beyond it are worth nothing.
  for (int i = 11; i < 15; ++i)
    ASSERT_TRUE(custodian.use(grant_of(15)));
  EXPECT_TRUE(custodian.use(grant_of(15)).error().is(KeyStateErrc::use_limit_reached));
  EXPECT_TRUE(custodian.use(grant_of(16)));
  EXPECT_TRUE(custodian.use(grant_of(16)).error().is(KeyStateErrc::use_limit_reached));
}

TEST(UseLimits, MayEndWhileUsesWait) {
  MemoryStore::Shared world;
  auto custodian = std::make_unique<Custodian>(world);
  ASSERT_TRUE(custodian->load());
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    custodian->count_use(grant_of(10), [&](const Status&) {
      ++told;
      custodian.reset();
    });
  }
  world.run();
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace concordat::test
