// Readiness: told when it comes, not asked for again and again.
#include <gtest/gtest.h>

#include <deque>

#include "keyservice/agent/limits.hpp"
#include "policy/errc.hpp"
#include "tests/agent/http_caller.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using test::AgentWorld;
using test::HttpCaller;

class AgentReady : public testing::Test {
 protected:
  void ask(HttpCaller& caller, int seconds) {
    caller.begin("GET /v1/wait-for-ready?timeout_seconds=" + std::to_string(seconds) +
                 " HTTP/1.1\r\n\r\n");
  }

  test::TemporaryFolder folder_;
  AgentWorld world_{folder_.path().string()};
};

TEST_F(AgentReady, WaitsForTheCustodian) {
  world_.install(1);
  world_.link->start();
  HttpCaller first(world_), second(world_);
  ask(first, 300);
  ask(second, 300);
  EXPECT_EQ(HttpCaller(world_).get("/v1/health").status, 503u);
  EXPECT_FALSE(first.received());
  world_.start_custodian();
  world_.run_until([&] { return first.received() && second.received(); });
  EXPECT_EQ(first.finish().status, 200u);
  EXPECT_EQ(second.finish().json()["ready"], true);
  ask(first, 300);
  world_.run_until([&] { return first.received(); });
  EXPECT_EQ(first.finish().status, 200u) << "at once";
}

TEST_F(AgentReady, WaitsForACustodianThatServes) {
  world_.install(1);
  world_.loaded.custody.wipe();
  world_.start_custodian();
  world_.link->start();
  world_.run_until([&] {
    const auto health = HttpCaller(world_).get("/v1/health");
    return health.status == 503u &&
           health.json()["custodian"].get<std::string>().find("root_missing") != std::string::npos;
  });
  EXPECT_TRUE(world_.link->connected());
  HttpCaller caller(world_);
  ask(caller, 300);
  EXPECT_EQ(HttpCaller(world_).get("/v1/health").status, 503u);
  EXPECT_EQ(HttpCaller(world_).get("/v1/keys/payments/a").code(), "not_ready");
  EXPECT_FALSE(caller.received());
  world_.take_root();
  world_.custodian->look_at_serving();
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 200u);
  EXPECT_EQ(HttpCaller(world_).get("/v1/keys/payments/a").status, 200u);
}

TEST_F(AgentReady, WaitsForAUsablePolicy) {
  world_.start();
  world_.run_until([&] { return world_.link->connected(); });
  world_.agent->policy_lapsed();
  world_.link->policy_lapsed(base::Error(policy::SignatureErrc::expired));
  world_.run_until([&] { return !world_.link->connected(); });
  HttpCaller caller(world_);
  ask(caller, 300);
  EXPECT_EQ(HttpCaller(world_).get("/v1/health").status, 503u);
  EXPECT_FALSE(caller.received());
  world_.link->policy_usable();
  world_.agent->policy_usable();
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 200u);
}

TEST_F(AgentReady, SaysWhyWhenTheTimeIsOver) {
  world_.install(1);
  const auto reply = HttpCaller(world_).get("/v1/wait-for-ready?timeout_seconds=0");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_EQ(reply.json()["ready"], false);
  EXPECT_NE(reply.json()["custodian"], "ok");
}

TEST_F(AgentReady, AnswersWhoWaitsWhenItStops) {
  world_.install(1);
  HttpCaller caller(world_);
  ask(caller, 300);
  (void)HttpCaller(world_).get("/v1/health");  // the agent has it
  world_.agent->stop();
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 503u);
}

TEST_F(AgentReady, AnswersAtOnceWhoSaysMore) {
  world_.install(1);
  HttpCaller caller(world_);
  caller.begin(
      "GET /v1/wait-for-ready?timeout_seconds=300 HTTP/1.1\r\n\r\n"
      "GET /v1/openapi.json HTTP/1.1\r\n\r\n");
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 503u);
  caller.receive();
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 200u);
  ask(caller, 300);
  (void)HttpCaller(world_).get("/v1/health");
  ASSERT_FALSE(caller.received());
  caller.socket().shutdown(boost::asio::socket_base::shutdown_send);
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 503u);
}

TEST_F(AgentReady, HoldsNoPlaceForWhoIsGone) {
  world_.install(1);
  std::deque<HttpCaller> waiting;
  for (std::size_t i = 0; i < agent::kMaxReadyWaiters; ++i)
    ask(waiting.emplace_back(world_), 300);
  const auto refused = [&] {
    HttpCaller one_more(world_);
    ask(one_more, 300);
    (void)HttpCaller(world_).get("/v1/health");  // the agent has seen it
    return one_more.received() && one_more.finish().code() == "overloaded";
  };
  EXPECT_TRUE(refused());
  EXPECT_EQ(HttpCaller(world_).get("/v1/health").status, 503u) << "others are served";
  waiting.front().socket().close();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (refused())
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the place is never free";
}

TEST_F(AgentReady, HealthLooksAtTheEnclave) {
  world_.start();
  world_.anchored_at = base::MonotonicMillis{world_.world.wall.value - 61'000};
  world_.run_until([&] {
    const auto health = HttpCaller(world_).get("/v1/health").json();
    return health["ready"] == true && health["checks"][0]["ok"] == true;
  });
  const auto health = HttpCaller(world_).get("/v1/health").json();
  const auto detail = [&](const std::string& name) -> std::string {
    for (const auto& check : health["checks"])
      if (check["name"] == name) return check["detail"];
    return "none";
  };
  EXPECT_NE(detail("enclave").find("not in debug mode"), std::string::npos);
  EXPECT_NE(detail("clock").find("61 s ago"), std::string::npos) << detail("clock");
  EXPECT_NE(detail("socket").find(world_.socket() + ", mode 0600"), std::string::npos);
  EXPECT_NE(detail("memory").find("secret bytes"), std::string::npos);
  EXPECT_EQ(health["version"], "test");
}

}  // namespace
}  // namespace concordat::keyservice
