// Runs of sessions are counted once each, durably and never beyond the limit.
#include "keyservice/keyring/state/run_counts.hpp"

#include "keyservice/keyring/state/table_snapshot.hpp"
#include "tests/keyring/custodian.hpp"

namespace concordat::test {
namespace {

using namespace keyservice;

constexpr journal::SealedUnder kSealed{1, 1};

class RunCountsTest : public testing::Test {
 protected:
  RunCountsTest() { EXPECT_TRUE(custodian_->load()); }
  void restart(std::uint64_t entries_per_snapshot = 1000) {
    custodian_ = std::make_unique<Custodian>(world_, entries_per_snapshot);
    ASSERT_TRUE(custodian_->load());
  }
  std::uint64_t count(RunOfInput run, std::uint64_t limit) {
    return custodian_->count_run(std::move(run), limit).value();
  }
  void expect_refused(RunOfInput run, std::uint64_t limit) {
    const auto counted = custodian_->count_run(std::move(run), limit);
    ASSERT_FALSE(counted);
    EXPECT_TRUE(counted.error().is(KeyStateErrc::runs_used_up)) << counted.error().to_string();
  }

  MemoryStore::Shared world_;
  std::unique_ptr<Custodian> custodian_ = std::make_unique<Custodian>(world_);
};

TEST_F(RunCountsTest, EachInputHasItsOwnRunsAndNotOneMore) {
  EXPECT_EQ(count(run_of_input(1, 1), 2), 1u);
  EXPECT_EQ(count(run_of_input(1, 2), 2), 2u);
  expect_refused(run_of_input(1, 3), 2);
  EXPECT_EQ(count(run_of_input(2, 3), 2), 1u);
  // Another role's input is another one, and nobody learns whether somebody else has it.
  EXPECT_EQ(count(run_of_input(1, 3, "reports"), 1), 1u);
  // A limit that is raised gives what it was raised by; one that is lowered counts what was.
  EXPECT_EQ(count(run_of_input(1, 3), 3), 3u);
  expect_refused(run_of_input(1, 4), 1);
}

TEST_F(RunCountsTest, ARunThatIsAskedForAgainIsCountedOnce) {
  EXPECT_EQ(count(run_of_input(1, 1), 2), 1u);
  const std::size_t before = custodian_->store.creates();
  EXPECT_EQ(count(run_of_input(1, 1), 2), 1u);
  EXPECT_EQ(custodian_->store.creates(), before);
  EXPECT_EQ(count(run_of_input(1, 2), 2), 2u);
  // Also when none would be left, or the limit is lower now.
  EXPECT_EQ(count(run_of_input(1, 1), 1), 2u);
}

TEST_F(RunCountsTest, NoRestartAndNoSnapshotBeginsAnew) {
  EXPECT_EQ(count(run_of_input(1, 1), 2), 1u);
  restart();
  EXPECT_EQ(count(run_of_input(1, 1), 2), 1u);
  EXPECT_EQ(count(run_of_input(1, 2), 2), 2u);
  restart(1);
  EXPECT_EQ(count(run_of_input(5, 9), 2), 1u);  // and a snapshot is written
  restart();
  EXPECT_EQ(custodian_->keyring.journal().entries_since_snapshot(), 0u);
  EXPECT_EQ(count(run_of_input(1, 2), 2), 2u);
  expect_refused(run_of_input(1, 3), 2);
}

TEST_F(RunCountsTest, ASecondCustodianCountsOnWhatTheFirstCounted) {
  Custodian other(world_);
  ASSERT_TRUE(other.load());
  EXPECT_EQ(count(run_of_input(1, 1), 1), 1u);
  const auto counted = other.count_run(run_of_input(1, 2), 1);
  ASSERT_FALSE(counted);
  EXPECT_TRUE(counted.error().is(KeyStateErrc::runs_used_up));
  EXPECT_EQ(other.count_run(run_of_input(1, 1), 1).value(), 1u);
}

// Nothing is allowed that was not written; asked again, it is one run, whatever became of the
// first answer.
TEST_F(RunCountsTest, AStoreThatFailsAllowsNothing) {
  for (const Failure failure : {Failure::refused, Failure::lost_answer, Failure::full}) {
    const auto run = run_of_input(static_cast<std::uint8_t>(failure), 1);
    custodian_->store.fail_all(failure);
    const auto counted = custodian_->count_run(run, 1);
    custodian_->store.fail_no_more();
    ASSERT_FALSE(counted);
    EXPECT_TRUE(counted.error().is(KeyStateErrc::uses_not_recorded)) << counted.error().to_string();
    EXPECT_EQ(count(run, 1), 1u);
  }
}

// Of a role: whatever one of them fills is full for nobody else.
TEST_F(RunCountsTest, ATableTakesAsManyOfEachRoleAsItsLimitsSay) {
  TableLimits limits;
  limits.runs_of_role = 2;
  KeyTable table(limits);
  const auto refused = [](const KeyTable& by, RunOfInput run, std::uint64_t number) {
    return by.check(CountRun{std::move(run), number}, kSealed).error();
  };
  ASSERT_TRUE(table.apply(CountRun{run_of_input(1, 1), 1}, kSealed));
  ASSERT_TRUE(table.apply(CountRun{run_of_input(2, 1), 1}, kSealed));
  EXPECT_TRUE(refused(table, run_of_input(3, 1), 1).is(KeyStateErrc::too_many));
  for (const char* role : {"reports", "third", "fourth"}) {
    ASSERT_TRUE(table.apply(CountRun{run_of_input(1, 1, role), 1}, kSealed));
    ASSERT_TRUE(table.apply(CountRun{run_of_input(2, 1, role), 1}, kSealed));
  }
  // Neither twice, nor with a gap, nor of nobody.
  EXPECT_TRUE(refused(KeyTable(), run_of_input(1, 1), 2).is(KeyStateErrc::uses_differ));
  EXPECT_TRUE(refused(table, run_of_input(1, 1), 2).is(KeyStateErrc::uses_differ));
  EXPECT_TRUE(refused(KeyTable(), run_of_input(1, 1, ""), 1).is(KeyStateErrc::uses_differ));
}

TEST_F(RunCountsTest, ASnapshotHoldsThemOnceAndInOrder) {
  KeyTable table;
  for (const auto& run :
       {run_of_input(2, 1), run_of_input(1, 9), run_of_input(1, 3), run_of_input(1, 3, "a")}) {
    const std::uint64_t number = table.runs().runs_of(run.role, run.input) + 1;
    ASSERT_TRUE(table.apply(CountRun{run, number}, kSealed));
  }
  const auto pieces = table.save();
  ASSERT_EQ(pieces.size(), 1u);
  TableLoader loader;
  ASSERT_TRUE(loader.load(pieces[0]));
  EXPECT_TRUE(loader.load(pieces[0]).error().is(KeyStateErrc::malformed_state));
  TableLoader again;
  ASSERT_TRUE(again.load(pieces[0]));
  EXPECT_EQ(contents(again.finish().value()), contents(table));
}

}  // namespace
}  // namespace concordat::test
