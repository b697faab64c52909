#include "keyservice/key_client.hpp"

#include <gtest/gtest.h>

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;

class PendingTest : public testing::Test {
 protected:
  std::uint64_t ask(std::int64_t deadline) {
    return pending_
        .add(policy::Operation::sign, {deadline},
             [this](Result<ResponseBody> result) { answers_.push_back(std::move(result)); })
        .value();
  }
  static base::SecretBytes answer_to(std::uint64_t id) { return encode(id, MadeEnvelope{{1}}); }
  PendingRequests pending_;
  std::vector<Result<ResponseBody>> answers_;
};

TEST_F(PendingTest, AnswersReachTheirCallersInAnyOrder) {
  const auto first = ask(10);
  const auto second = ask(10);
  EXPECT_TRUE(pending_.on_response(answer_to(second)));
  EXPECT_TRUE(pending_.on_response(answer_to(first)));
  EXPECT_EQ(answers_.size(), 2u);
  EXPECT_EQ(pending_.size(), 0u);
}

TEST_F(PendingTest, AnAnswerThatNobodyAskedForIsAnError) {
  const auto id = ask(10);
  EXPECT_TRUE(pending_.on_response(answer_to(id + 1)).error().is(Errc::malformed_response));
  EXPECT_TRUE(pending_.on_response(answer_to(id)));
  EXPECT_FALSE(pending_.on_response(answer_to(id))) << "once only";
}

TEST_F(PendingTest, WhatIsTakenBackIsEndedAndItsAnswerDropped) {
  const auto first = ask(10);
  std::optional<Result<ResponseBody>> kept;
  const auto counted =
      pending_
          .add(
              policy::Operation::sign, {10},
              [&](Result<ResponseBody> result) { kept.emplace(std::move(result)); }, false)
          .value();
  pending_.take_back(Error(Errc::custodian_unreachable));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(answers_[0].error().is(Errc::custodian_unreachable));
  EXPECT_FALSE(kept) << "what may not be sent elsewhere is waited for";
  EXPECT_TRUE(pending_.on_response(answer_to(first)));
  EXPECT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(pending_.on_response(answer_to(counted)));
  EXPECT_TRUE(*kept);
}

TEST_F(PendingTest, LateAnswersAreDroppedNotMisread) {
  const auto id = ask(10);
  pending_.expire({9});
  EXPECT_TRUE(answers_.empty());
  pending_.expire({10});
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(answers_[0].error().is(Errc::timed_out));
  EXPECT_TRUE(pending_.on_response(answer_to(id)));
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(PendingTest, TheEndOfAChannelReachesEveryCaller) {
  ask(10);
  ask(10);
  pending_.fail_all(Error(Errc::custodian_unreachable));
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_TRUE(answers_[1].error().is(Errc::custodian_unreachable));
}

TEST_F(PendingTest, IsBounded) {
  for (std::size_t i = 0; i < PendingRequests::kMaxPending; ++i)
    ask(10);
  EXPECT_TRUE(pending_.add(policy::Operation::get, {10}, {}).error().is(Errc::overloaded));
}

// Of requests whose time was over the latest so many are known; an answer to one from before is
// one that nobody asked for.
TEST_F(PendingTest, WhatIsForgottenIsBounded) {
  std::uint64_t last = 0;
  for (std::size_t i = 0; i <= PendingRequests::kMaxForgotten; ++i) {
    last = ask(10);
    pending_.expire({10});
  }
  const std::uint64_t first = last - PendingRequests::kMaxForgotten;
  EXPECT_TRUE(pending_.on_response(answer_to(first)).error().is(Errc::malformed_response));
  EXPECT_TRUE(pending_.on_response(answer_to(first + 1)));
  EXPECT_TRUE(pending_.on_response(answer_to(last)));
}

}  // namespace
}  // namespace concordat::keyservice
