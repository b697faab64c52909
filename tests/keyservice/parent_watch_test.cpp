// An enclave's question for news at a real parent: answered when there is some, asked again when
// the parent comes back, and not more often than is of use.
#include "keyservice/parent_watch_io.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "attest/base/file.hpp"
#include "deploy/parent/http_io.hpp"
#include "deploy/parent/parent_io.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;

constexpr std::chrono::seconds kPatience{60};  // what only a hanging watch reaches

class ParentWatchTest : public testing::Test {
 protected:
  ParentWatchTest() { write(1); }

  [[nodiscard]] std::string at(const std::string& name) const {
    return "unix:" + (folder_.path() / name).string();
  }
  [[nodiscard]] Bytes policy(std::uint64_t serial) const {
    return authority_.sign(test::sample_policy(authority_.descriptor(), serial)).encode();
  }
  void write(std::uint64_t serial) const {
    ASSERT_TRUE(base::write_file(folder_.path() / "policy", policy(serial)));
  }
  void start_parent() {
    const std::string text = R"({"enclaves": {"e": {"dial": ")" + at("e") + R"(", "listen": ")" +
                             at("relay") + R"(", "role": "worker"}}, "policy": {"envelope": ")" +
                             (folder_.path() / "policy").string() +
                             R"("}, "operator": {"listen": ")" + at("operator") + R"("}})";
    parent_ = parent::Parent::start(io_, parent::parse_config(text).value(), log_).value();
  }
  void start_watch(bool of_use = true) {
    watch_ = std::make_unique<ParentWatch>(io_, peer::parse_endpoint(at("relay")).value(),
                                           "/v1/policy", [this, of_use](const Bytes& content) {
                                             seen_.push_back(content);
                                             return of_use;
                                           });
    watch_->start(policy(1));
  }
  // The status of the parent's answer.
  unsigned push(std::uint64_t serial) {
    std::optional<unsigned> status;
    parent::async_http_call(
        io_, peer::parse_endpoint(at("operator")).value(),
        {"PUT", "/v1/policy", "parent", {}, std::string(base::as_text(policy(serial)))}, kPatience,
        [&status](const base::Result<parent::HttpReply>& reply) {
          status = reply ? reply->status : 0;
        });
    run_until([&] { return status.has_value(); });
    return status.value_or(0);
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }

  test::TemporaryFolder folder_;
  test::TestAuthority authority_;
  base::Logger log_{"parent_watch_test", [](std::string_view) {}};
  boost::asio::io_context io_{1};
  std::unique_ptr<parent::Parent> parent_;
  std::unique_ptr<ParentWatch> watch_;
  std::vector<Bytes> seen_;
};

TEST_F(ParentWatchTest, LearnsOfEachPushAndOfNothingElse) {
  start_parent();
  start_watch();
  ASSERT_EQ(push(2), 200u);
  run_until([&] { return seen_.size() == 1; });
  ASSERT_EQ(push(2), 200u) << "the same again";
  ASSERT_EQ(push(3), 200u);
  run_until([&] { return seen_.size() == 2; });
  EXPECT_EQ(seen_, (std::vector<Bytes>{policy(2), policy(3)}));
}

TEST_F(ParentWatchTest, FindsAParentThatComesBackWithNews) {
  start_parent();
  start_watch();
  ASSERT_EQ(push(2), 200u);
  run_until([&] { return seen_.size() == 1; });
  parent_.reset();
  write(3);
  start_parent();
  run_until([&] { return seen_.size() == 2; });
  EXPECT_EQ(seen_[1], policy(3));
}

TEST_F(ParentWatchTest, WhatIsOfNoUseIsSeenOnce) {
  start_watch(false);
  write(2);
  start_parent();
  run_until([&] { return seen_.size() == 1; });
  ASSERT_EQ(push(3), 200u);
  run_until([&] { return seen_.size() == 2; });
  EXPECT_EQ(seen_, (std::vector<Bytes>{policy(2), policy(3)}));
}

TEST_F(ParentWatchTest, EndsTheQuestionUnderWayWhenStopped) {
  start_parent();
  boost::asio::io_context enclave{1};
  ParentWatch watch(enclave, peer::parse_endpoint(at("relay")).value(), "/v1/policy",
                    [](const Bytes&) { return true; });
  watch.start(policy(1));
  while (enclave.poll() + io_.poll() != 0) {
  }
  watch.stop();
  // The parent lets it wait, and nothing else is going on.
  enclave.restart();
  enclave.run_for(kPatience / 6);
  EXPECT_TRUE(enclave.stopped()) << "the loop of a program that stops does not end";
}

TEST_F(ParentWatchTest, TakesNoAnswerOnceStopped) {
  start_parent();
  start_watch();
  ASSERT_EQ(push(2), 200u);
  run_until([&] { return seen_.size() == 1; });
  watch_->stop();
  ASSERT_EQ(push(3), 200u);
  ASSERT_EQ(push(4), 200u);
  EXPECT_EQ(seen_.size(), 1u);
}

}  // namespace
}  // namespace concordat::keyservice
