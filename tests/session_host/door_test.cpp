// Who finds a place at the door when others take up all that there are.
#include "session/host/door.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "peer/limits.hpp"

namespace concordat::session::host {
namespace {

class DoorTest : public testing::Test {
 protected:
  // So slowly that no rate is exceeded.
  std::optional<Door::Entry> enter(const std::string& source) {
    now_ = now_ + std::chrono::seconds(1);
    return door_.enter(source, now_);
  }
  std::vector<Door::Ticket> fill(const std::string& source, std::size_t count) {
    std::vector<Door::Ticket> out;
    for (std::size_t i = 0; i < count; ++i)
      out.push_back(enter(source)->ticket);
    return out;
  }

  base::MonotonicMillis now_;
  Door door_{now_};
};

TEST_F(DoorTest, AStrangerWhoTakesUpAllPlacesGivesUpItsOldest) {
  const auto silent = fill("parent/stranger", Door::kMostWaiting);
  EXPECT_EQ(door_.waiting(), Door::kMostWaiting);
  const auto party = enter("parent/bank-b");
  ASSERT_TRUE(party);
  EXPECT_EQ(party->evicted, silent[0]);
  // Its own next ones push its own out, and nobody else's.
  for (std::size_t i = 1; i < 2 * Door::kMostWaiting; ++i) {
    const auto next = enter("parent/stranger");
    ASSERT_TRUE(next && next->evicted);
    EXPECT_NE(*next->evicted, party->ticket);
    EXPECT_EQ(door_.waiting(), Door::kMostWaiting);
  }
}

TEST_F(DoorTest, ManyStrangersWithOneStreamEachGiveUpTheOldest) {
  std::vector<Door::Ticket> all;
  for (std::size_t i = 0; i < Door::kMostWaiting; ++i)
    all.push_back(enter("parent/" + std::to_string(i))->ticket);
  const auto party = enter("parent/bank-b");
  ASSERT_TRUE(party);
  EXPECT_EQ(party->evicted, all[0]);
}

TEST_F(DoorTest, WhoHasSaidWhatItIsForTakesUpNoPlace) {
  for (const Door::Ticket ticket : fill("parent/bank-b", Door::kMostWaiting))
    door_.leave(ticket);
  EXPECT_EQ(door_.waiting(), 0u);
  const auto first = enter("parent/bank-b");
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->evicted);
  door_.leave(first->ticket);
  door_.leave(first->ticket);  // once more: nothing
  EXPECT_EQ(door_.waiting(), 0u);
}

TEST_F(DoorTest, AFloodUsesUpItsOwnRateAndNobodyElses) {
  std::size_t let_in = 0;
  for (std::size_t i = 0; i < 10 * peer::kAdmissionBurst; ++i)
    let_in += door_.enter("parent/stranger", now_).has_value();
  EXPECT_EQ(let_in, peer::kAdmissionBurst + 1);
  EXPECT_TRUE(door_.enter("parent/bank-b", now_));
  now_ = now_ + std::chrono::seconds(1);
  EXPECT_TRUE(door_.enter("parent/stranger", now_));
}

}  // namespace
}  // namespace concordat::session::host
