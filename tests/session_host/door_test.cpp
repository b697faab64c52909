// Who finds a place at the door when others take up all that there are.
#include "session/door.hpp"

#include <gtest/gtest.h>

#include "peer/limits.hpp"

namespace concordat::session {
namespace {

constexpr std::size_t kPlaces = 64;

class DoorTest : public testing::Test {
 protected:
  std::optional<Door::Entry> enter(const std::string& source) {
    return door_.enter(++last_, source, now_);
  }
  // So slowly that no rate is exceeded.
  std::optional<Door::Entry> enter_later(const std::string& source) {
    now_ = now_ + std::chrono::seconds(1);
    return enter(source);
  }
  void fill(const std::string& source, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_TRUE(enter_later(source));
  }

  base::MonotonicMillis now_;
  Door door_{kPlaces};
  Door::Ticket last_ = 0;
};

TEST_F(DoorTest, AStrangerWhoTakesUpAllPlacesGivesUpItsOldest) {
  fill("parent/stranger", kPlaces);
  EXPECT_EQ(door_.waiting(), kPlaces);
  const auto entry = enter_later("parent/bank-b");
  const Door::Ticket party = last_;
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->evicted, 1u);
  // Its own next ones push its own out, and nobody else's.
  for (std::size_t i = 1; i < 2 * kPlaces; ++i) {
    const auto next = enter_later("parent/stranger");
    ASSERT_TRUE(next && next->evicted);
    EXPECT_NE(*next->evicted, party);
    EXPECT_EQ(door_.waiting(), kPlaces);
  }
}

TEST_F(DoorTest, ManyStrangersWithOneStreamEachGiveUpTheOldest) {
  for (std::size_t i = 0; i < kPlaces; ++i)
    ASSERT_TRUE(enter("parent/" + std::to_string(i)));
  const auto party = enter("parent/bank-b");
  ASSERT_TRUE(party);
  EXPECT_EQ(party->evicted, 1u);
}

TEST_F(DoorTest, WhoHasLeftTakesUpNoPlace) {
  fill("parent/bank-b", kPlaces);
  for (Door::Ticket ticket = 1; ticket <= kPlaces; ++ticket)
    door_.leave(ticket);
  EXPECT_EQ(door_.waiting(), 0u);
  const auto first = enter_later("parent/bank-b");
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->evicted);
  door_.leave(last_);
  door_.leave(last_);  // once more: nothing
  EXPECT_EQ(door_.waiting(), 0u);
}

// Whether its streams stay or are over at once.
TEST_F(DoorTest, AFloodUsesUpItsOwnRateAndNobodyElses) {
  std::size_t let_in = 0;
  for (std::size_t i = 0; i < 10 * peer::kAdmissionBurst; ++i) {
    let_in += enter("parent/stranger").has_value();
    door_.leave(last_);
  }
  EXPECT_EQ(let_in, peer::kAdmissionBurst);
  EXPECT_TRUE(enter("parent/bank-b"));
  EXPECT_TRUE(enter_later("parent/stranger"));
}

TEST_F(DoorTest, AnyNumberOfSourcesKeepsNoOtherOut) {
  for (std::size_t i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(enter("parent/" + std::to_string(i)));
    door_.leave(last_);
  }
  EXPECT_TRUE(enter("parent/bank-b"));
}

TEST_F(DoorTest, SourcesHaveTheirTurnsOneAfterTheOther) {
  for (const char* source : {"parent/a", "parent/a", "parent/a", "parent/b"})
    ASSERT_TRUE(enter(source));
  EXPECT_EQ(door_.take_turn({1, 2, 3, 4}), 1u);
  EXPECT_EQ(door_.take_turn({2, 3, 4}), 4u);
  door_.leave(4);
  // Whoever comes again, and whoever is new, goes after those who wait.
  for (const char* source : {"parent/b", "parent/c"})
    ASSERT_TRUE(enter(source));
  EXPECT_EQ(door_.take_turn({2, 3, 5, 6}), 2u);
  EXPECT_EQ(door_.take_turn({3, 5, 6}), 5u);
  EXPECT_EQ(door_.take_turn({3, 6}), 6u);
  EXPECT_EQ(door_.take_turn({3}), 3u);
}

}  // namespace
}  // namespace concordat::session
