// What a slow caller uses up and earns back.
#include "keyservice/agent/patience.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace concordat::keyservice::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PatienceTest : public testing::Test {
 protected:
  // A transfer of `bytes` that takes `time`.
  void transfer(std::size_t bytes, milliseconds time) {
    (void)patience_.begin(now_);
    now_ = now_ + time;
    patience_.moved(bytes, now_);
  }
  milliseconds left() { return patience_.begin(now_); }

  base::MonotonicMillis now_{5'000};
  Patience patience_{seconds(60), 1024};
};

TEST_F(PatienceTest, EndsForAByteNowAndThen) {
  for (int i = 0; i < 60; ++i)
    transfer(1, seconds(1));
  EXPECT_EQ(left(), milliseconds(0));
}

TEST_F(PatienceTest, LastsForWhoKeepsThePace) {
  for (int i = 0; i < 1000; ++i)
    transfer(2048, seconds(2));
  EXPECT_EQ(left(), seconds(60));
  transfer(0, seconds(50));
  for (int i = 0; i < 1000; ++i)
    transfer(1024, seconds(1));
  EXPECT_EQ(left(), seconds(10)) << "what was used up is not given back for nothing";
  transfer(20 * 1024, seconds(0));
  EXPECT_EQ(left(), seconds(30));
}

TEST_F(PatienceTest, IsNeverMoreThanTheWholeNorLessThanNothing) {
  transfer(std::numeric_limits<std::size_t>::max(), seconds(1));
  EXPECT_EQ(left(), seconds(60));
  transfer(0, seconds(1000));
  EXPECT_EQ(left(), milliseconds(0));
  patience_.renew();
  EXPECT_EQ(left(), seconds(60));
}

TEST_F(PatienceTest, TheAgentsOwnTimeIsFree) {
  transfer(1, seconds(10));
  now_ = now_ + seconds(500);
  EXPECT_EQ(left(), seconds(50));
}

}  // namespace
}  // namespace concordat::keyservice::agent
