// What deploy/parent/store.hpp promises of batches, of each engine.
#include <set>

#include "tests/parent/store_conformance.hpp"

namespace concordat::test {

using parent::StoreErrc;

// Of an engine that is a program of its own, which can be killed alone. The embedded one ends with
// its program, which parent_kill_test does.
using ServedStore = StoreConformance;
INSTANTIATE_TEST_SUITE_P(Engines, ServedStore, ::testing::Values("etcd"),
                         [](const auto& engine) { return engine.param; });

TEST_P(StoreConformance, WhatIsPutTogetherIsThereAsAWholeOrNotAtAll) {
  const std::string writer = put("writer", "w").value();
  const parent::StoreBatch::Behind behind{"writer", writer};
  ASSERT_TRUE(
      together({batch_put("a", "1"), batch_put("b", "2"), batch_put("head", "h1")}, behind));
  EXPECT_EQ(all().size(), 4u);
  const std::string head = version("h1");
  const auto repeated =
      together({batch_put("a", "1"), batch_put("b", "2"), batch_put("head", "h1")}, behind);
  EXPECT_TRUE(repeated) << "its answer may have been lost: " << repeated.error().to_string();
  const auto other = together({batch_put("c", "3"), batch_put("a", "other")}, behind);
  EXPECT_TRUE(other.error().is(StoreErrc::version_differs));
  EXPECT_EQ(other.error().detail(), "a: " + version("1"));
  EXPECT_EQ(content("c"), "not_found");
  EXPECT_TRUE(together({batch_put("c", "3"), batch_put("head", "h2", version("x"))}, behind)
                  .error()
                  .is(StoreErrc::version_differs));
  EXPECT_EQ(content("c"), "not_found");
  EXPECT_TRUE(together({batch_put("c", "3"), batch_put("head", "h2", head)}, behind));
  EXPECT_EQ(content("c"), "3");
  EXPECT_EQ(content("head"), "h2");
  EXPECT_TRUE(together({batch_put("b", "2"), batch_put("d", "4")}, behind)) << "one is there";
  ASSERT_TRUE(put("writer", "another", writer).has_value());
  EXPECT_TRUE(together({batch_put("e", "5")}, behind).error().is(StoreErrc::predecessor_missing));
  EXPECT_EQ(content("e"), "not_found");
  EXPECT_TRUE(together({batch_put("e", "5")}, {})) << "behind nothing";
  EXPECT_EQ(all().size(), 7u);
}

TEST_P(StoreConformance, WhatIsPutTogetherIsBounded) {
  config_.limits = {200'000, 40, 100'000'000};
  open();
  std::vector<parent::StoreBatch::Put> many;
  for (std::size_t i = 0; i <= keyservice::kMaxStoreBatchPuts; ++i)
    many.push_back(batch_put(std::to_string(i), "x"));
  EXPECT_TRUE(together(many, {}).error().is(StoreErrc::too_large));
  many.pop_back();
  for (auto& each : many)
    each.content = base::Bytes(keyservice::kMaxStoreBatchContent / many.size(), 7);
  EXPECT_TRUE(together(many, {})) << "the most that there may be, in one transaction";
  many.front().content.push_back(1);
  EXPECT_TRUE(together(many, {}).error().is(StoreErrc::too_large));
  EXPECT_TRUE(
      together({batch_put("a", std::string(200'001, 'x'))}, {}).error().is(StoreErrc::too_large));
  EXPECT_TRUE(
      together({batch_put("a", "1"), batch_put("a", "2")}, {}).error().is(StoreErrc::bad_name));
  EXPECT_TRUE(together({batch_put("../a", "1")}, {}).error().is(StoreErrc::bad_name));
  many.clear();
  for (int i = 0; i < 9; ++i)
    many.push_back(batch_put("more-" + std::to_string(i), "x"));
  EXPECT_TRUE(together(many, {}).error().is(StoreErrc::folder_full)) << "41 entries";
  EXPECT_EQ(content("more-0"), "not_found");
  many.pop_back();
  EXPECT_TRUE(together(many, {})) << "40";
}

// What it is worth that a store remembers, when another one writes to the same folder.
TEST_P(StoreConformance, OfRacingBatchesExactlyOneWinsEachRound) {
  const auto another = open_another();
  Store& other = another ? *another : *store_;
  std::optional<std::string> seen;
  for (int round = 0; round < 30; ++round) {
    const std::array<Store*, 2> stores{store_.get(), &other};
    std::vector<std::string> winners;
    int answers = 0;
    for (std::size_t i = 0; i < stores.size(); ++i) {
      const std::string mine = std::to_string(round) + "-" + std::to_string(i);
      stores[(i + static_cast<std::size_t>(round)) % 2]->put_together(
          kFolder, {{}, {batch_put("file-" + mine, mine), batch_put("head", mine, seen)}},
          [&, mine](const base::Status& done) {
            ++answers;
            if (done) return winners.push_back(mine);
            EXPECT_TRUE(done.error().is(StoreErrc::version_differs)) << done.error().to_string();
          });
    }
    loop_.run_until([&] { return answers == 2; });
    ASSERT_EQ(winners.size(), 1u) << "round " << round;
    EXPECT_EQ(content("head"), winners.front());
    seen = version(winners.front());
    EXPECT_EQ(content("file-" + winners.front()), winners.front());
  }
  EXPECT_EQ(all("file-").size(), 30u) << "of the losers there is nothing";
}

TEST_P(ServedStore, ABatchIsWholeWhenTheEngineIsKilledUnderIt) {
  std::set<std::string> acknowledged;
  for (int round = 0; round < 8; ++round) {
    constexpr int kBatches = 12;
    int answers = 0;
    for (int i = 0; i < kBatches; ++i) {
      const std::string mine = std::to_string(round) + "-" + std::to_string(i);
      std::vector<parent::StoreBatch::Put> puts;
      for (const char* part : {"a", "b", "c"})
        puts.push_back(batch_put(part + mine, std::string(20'000, 'x')));
      store_->put_together(kFolder, {{}, std::move(puts)}, [&, mine](const base::Status& done) {
        ++answers;
        if (done) acknowledged.insert(mine);
      });
    }
    loop_.run_until([&] { return answers == round + 1; });  // the others are under way
    etcd_->stop();
    loop_.run_until([&] { return answers == kBatches; });
    etcd_->start();
    std::map<std::string, std::set<char>> found;
    for (const auto& [name, kept] : all())
      found[name.substr(1)].insert(name.front());
    for (const auto& [mine, parts] : found)
      EXPECT_EQ(parts.size(), 3u) << mine << " is there in part";
    for (const std::string& mine : acknowledged)
      EXPECT_TRUE(found.contains(mine)) << mine << " was acknowledged";
  }
  EXPECT_GE(acknowledged.size(), 8u);
}

}  // namespace concordat::test
