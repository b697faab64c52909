// A run is counted once however often it is asked for, so that it is asked for again until there is
// an answer for good, or it would be too late.
#include "deploy/enclave/session_ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "keyservice/error.hpp"
#include "session/errc.hpp"
#include "session/host/errc.hpp"

namespace concordat::enclave {
namespace {

using base::Error;
using base::MonotonicMillis;
using base::Result;
using base::Status;
using keyservice::Failure;
using keyservice::ResponseBody;
using std::chrono::milliseconds;

// Pauses of no length.
class Zeros final : public base::RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override { std::ranges::fill(out, std::uint8_t{0}); }
};

class SessionLedger : public testing::Test {
 protected:
  using Answer = std::function<Result<ResponseBody>()>;

  static Answer failure(const std::string& code) {
    return [code] { return ResponseBody(Failure{code, "why"}); };
  }
  static Answer counted() {
    return [] { return ResponseBody(keyservice::RunCounted{1}); };
  }
  static Answer unreachable() {
    return [] { return Error(keyservice::Errc::custodian_unreachable); };
  }
  session::RunToCount run() const {
    session::RunToCount out;
    out.session = "sums/2026-11";
    out.protocol = "aggregate/1";
    out.input.mutable_view()[0] = 7;
    out.run.mutable_view()[0] = 8;
    out.until = now_ + time_;
    out.asker = asker_;
    return out;
  }
  // The last of `answers` goes on being given.
  void count(std::vector<Answer> answers) {
    answers_ = std::move(answers);
    ledger_.count(run(), [this](const Status& status) {
      EXPECT_FALSE(std::exchange(outcome_, status)) << "told twice";
    });
    io_.restart();
    io_.run();
  }

  boost::asio::io_context io_{1};
  Zeros random_;
  MonotonicMillis now_;
  milliseconds time_ = std::chrono::minutes(1);
  milliseconds each_takes_{0};
  bool answers_at_all_ = true;
  std::vector<Answer> answers_;
  std::vector<keyservice::CountRunRequest> asked_;
  std::function<void()> when_asked_;
  std::optional<Status> outcome_;
  std::vector<CustodianRunLedger::Answered> late_;
  std::shared_ptr<int> asker_ = std::make_shared<int>(0);
  CustodianRunLedger ledger_{
      {io_, random_, [this] { return now_; },
       [this](keyservice::CountRunRequest request, CustodianRunLedger::Answered done) {
         asked_.push_back(std::move(request));
         const Answer answer = answers_.at(std::min(asked_.size(), answers_.size()) - 1);
         now_ = now_ + each_takes_;
         if (when_asked_) when_asked_();
         if (!answers_at_all_) return late_.push_back(std::move(done));
         boost::asio::post(io_, [answer, done = std::move(done)] { done(answer()); });
       }}};
};

TEST_F(SessionLedger, AsksAgainForTheSameRunUntilItIsCounted) {
  count({unreachable(), failure("outcome_unknown"), failure("run_rate_exceeded"),
         failure("too_many_waiting"), failure("uses_not_recorded"), failure("not_ready"),
         counted()});
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(*outcome_);
  ASSERT_EQ(asked_.size(), 7u);
  for (const auto& each : asked_) {
    EXPECT_EQ(each.name, "sums/2026-11");
    EXPECT_EQ(each.protocol, "aggregate/1");
    EXPECT_EQ(each.input.view()[0], 7);
    EXPECT_EQ(each.run.view()[0], 8);
  }
}

TEST_F(SessionLedger, AnAnswerForGoodIsNotAskedForAgain) {
  for (const char* code : {"runs_used_up", "session_unknown", "too_many"}) {
    asked_.clear();
    outcome_.reset();
    count({failure(code), counted()});
    ASSERT_TRUE(outcome_) << code;
    EXPECT_FALSE(*outcome_) << code;
    EXPECT_EQ(outcome_->error().is(session::FormingErrc::runs_used_up),
              std::string(code) == "runs_used_up");
    EXPECT_EQ(asked_.size(), 1u) << code;
  }
}

TEST_F(SessionLedger, GivesUpWhenItsTimeIsOver) {
  each_takes_ = std::chrono::seconds(24);
  count({failure("not_ready")});
  ASSERT_TRUE(outcome_);
  ASSERT_FALSE(*outcome_);
  EXPECT_TRUE(outcome_->error().is(session::host::Errc::run_not_counted));
  EXPECT_NE(outcome_->error().to_string().find("not_ready"), std::string::npos);
  EXPECT_EQ(asked_.size(), 3u);
}

// A custodian whose parent holds it up: the others' round ends meanwhile.
TEST_F(SessionLedger, WaitsForNoAnswerBeyondItsTime) {
  time_ = milliseconds(1);
  answers_at_all_ = false;
  count({counted()});
  ASSERT_TRUE(outcome_);
  ASSERT_FALSE(*outcome_);
  EXPECT_TRUE(outcome_->error().is(session::host::Errc::run_not_counted));
  ASSERT_EQ(late_.size(), 1u);
  late_[0](ResponseBody(keyservice::RunCounted{1}));  // told once
}

TEST_F(SessionLedger, WhoeverIsGoneIsNotAskedForAgain) {
  when_asked_ = [this] {
    if (asked_.size() == 2) asker_.reset();
  };
  count({failure("not_ready")});
  EXPECT_FALSE(outcome_);
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(SessionLedger, NobodyIsAskedOnceItStopped) {
  when_asked_ = [this] {
    if (asked_.size() == 2) ledger_.stop();
  };
  count({failure("not_ready")});
  EXPECT_FALSE(outcome_);
  EXPECT_EQ(asked_.size(), 2u);
}

}  // namespace
}  // namespace concordat::enclave
