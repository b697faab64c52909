// What a run says is there for its operator's next channel, and no longer than it should be.
#include "session/host/attended_run_io.hpp"

#include <gtest/gtest.h>

#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::Status;

std::vector<Bytes> encoded(const std::vector<ControlReport>& reports) {
  std::vector<Bytes> out;
  for (const ControlReport& report : reports)
    out.push_back(encode(report));
  return out;
}

class AttendedRunTest : public testing::Test {
 protected:
  AttendedRunTest() {
    sealing_.seal = [this](const base::Sha256Digest& of, const base::SecretBytes&, auto done) {
      sealed_for_ = of;
      seal_ = std::move(done);
    };
  }
  void make(Patience patience = {}) {
    run_ = std::make_shared<AttendedRun>(io_, sealing_, policy::SignerKey(), patience,
                                         [this] { is_over_ = true; });
    events_ = run_->events();
  }
  AttendedRun::Attendance attach(std::vector<Bytes>& heard) {
    return run_->attach([&heard](const ControlReport& report) { heard.push_back(encode(report)); });
  }
  static Ended result() {
    Ended out;
    out.output.emplace();
    out.output->result = {1, 2, 3};
    out.receipt = Bytes(kControlPiece + 1, 7);
    return out;
  }
  static Output kept_output() {
    Output out;
    out.result = {1, 2, 3};
    out.kept = base::SecretBytes::zeroed(3);
    return out;
  }
  void run_until_over() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_over_) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(50));
    }
  }

  boost::asio::io_context io_{1};
  Sealing sealing_;
  base::Sha256Digest sealed_for_;
  std::function<void(base::Result<Bytes>)> seal_;
  bool is_over_ = false;
  std::shared_ptr<AttendedRun> run_;
  HostedRun::Events events_;
  std::vector<Bytes> first_, second_;
};

TEST_F(AttendedRunTest, SaysAllOfItAgainOnTheNextChannelAndNothingMoreOnTheOneBefore) {
  make();
  const auto attendance = attach(first_);
  events_.progress(Stage::forming, "");
  events_.progress(Stage::formed, "run 1");
  run_->leave(attendance);
  events_.ended(result());
  EXPECT_EQ(first_.size(), 2u);
  (void)attach(second_);
  std::vector<ControlReport> all{StageReached{"forming", ""}, StageReached{"formed", "run 1"}};
  for (ControlReport& report : reports_of(result()))
    all.push_back(std::move(report));
  EXPECT_EQ(second_, encoded(all));
  EXPECT_TRUE(run_->has_result());
}

TEST_F(AttendedRunTest, AnOlderChannelThatEndsLateTakesNothingAway) {
  make();
  const auto older = attach(first_);
  (void)attach(second_);
  run_->leave(older);
  run_->call_off(older);
  events_.progress(Stage::formed, "run 1");
  EXPECT_TRUE(first_.empty());
  EXPECT_EQ(second_.size(), 1u);
}

TEST_F(AttendedRunTest, KeepsAnEndUntilItIsFetched) {
  make({std::chrono::hours(1), std::chrono::hours(1)});
  const auto attendance = attach(first_);
  EXPECT_TRUE(run_->fetched().error().is(Errc::malformed_order)) << "there is no end yet";
  events_.ended(result());
  run_->leave(attendance);
  io_.poll();
  EXPECT_FALSE(is_over_);
  (void)attach(second_);
  ASSERT_TRUE(run_->fetched());
  EXPECT_TRUE(is_over_);
}

TEST_F(AttendedRunTest, LetsGoOfAnEndForWhichNobodyComes) {
  make({std::chrono::hours(1), std::chrono::milliseconds(20)});
  run_->leave(attach(first_));
  events_.progress(Stage::formed, "");
  events_.ended(result());
  run_until_over();
}

// A share that was handed out and not said to be stored is handed out again, and no other.
TEST_F(AttendedRunTest, HandsOutWhatIsToBeKeptUntilItIsStored) {
  make();
  std::optional<Status> kept;
  const auto attendance = attach(first_);
  EXPECT_TRUE(run_->stored().error().is(Errc::malformed_order)) << "nothing was handed out";
  events_.keep(kept_output(), [&](const Status& done) { kept = done; });
  run_->leave(attendance);
  ASSERT_TRUE(seal_);
  EXPECT_EQ(sealed_for_, base::sha256({Bytes{1, 2, 3}})) << "under a key of this result's own";
  seal_(Bytes{9, 9});
  const std::vector<ControlReport> handed_out{KeptPiece{{9, 9}},
                                              StageReached{std::string(kKeepStage), ""}};
  (void)attach(first_);
  EXPECT_EQ(first_, encoded(handed_out));
  EXPECT_FALSE(kept);
  ASSERT_TRUE(run_->stored());
  ASSERT_TRUE(kept && *kept);
  (void)attach(second_);
  EXPECT_TRUE(second_.empty());
}

TEST_F(AttendedRunTest, AShareThatCannotBeSealedIsNotHandedOut) {
  make();
  std::optional<Status> kept;
  (void)attach(first_);
  events_.keep(kept_output(), [&](const Status& done) { kept = done; });
  seal_(base::Error(Errc::cancelled));
  ASSERT_TRUE(kept && !*kept);
  EXPECT_TRUE(first_.empty());
}

}  // namespace
}  // namespace concordat::session::host
