// Released keys that the agent keeps: fast while they may be used, gone when they may not.
#include <gtest/gtest.h>

#include "keyservice/agent/limits.hpp"
#include "keyservice/limits.hpp"
#include "policy/errc.hpp"
#include "tests/agent/http_caller.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using test::AgentWorld;
using test::HttpCaller;

class AgentCache : public testing::Test {
 protected:
  std::uint64_t served() {
    std::uint64_t count = 0;
    const auto report = nlohmann::json::parse(world_.custodian->report());
    for (const auto& release : report["releases"])
      count += release["count"].get<std::uint64_t>();
    return count;
  }
  unsigned get(const std::string& target) { return HttpCaller(world_).get(target).status; }

  test::TemporaryFolder folder_;
  AgentWorld world_{folder_.path().string()};
};

TEST_F(AgentCache, AsksTheCustodianOnce) {
  world_.start();
  const auto first = HttpCaller(world_).get("/v1/keys/payments/a");
  ASSERT_EQ(first.status, 200u);
  EXPECT_EQ(HttpCaller(world_).get("/v1/keys/payments/a").body, first.body);
  EXPECT_EQ(
      HttpCaller(world_).get("/v1/keys/payments/a", "Accept: application/octet-stream\r\n").body,
      first.bytes("key"));
  EXPECT_EQ(served(), 1u);
  EXPECT_EQ(get("/v1/keys/payments/a?version=1"), 200u);
  EXPECT_EQ(served(), 2u) << "by number is another entry";
  EXPECT_EQ(world_.agent->cached_keys(), 2u);
}

TEST_F(AgentCache, KeepsNothingOfOtherOperations) {
  world_.start();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(HttpCaller(world_).post("/v1/derive/payments/a", {{"size", 32}}).status, 200u);
    EXPECT_EQ(get("/v1/public/payments/a"), 200u);
  }
  EXPECT_EQ(get("/v1/keys/reports/daily"), 403u);
  EXPECT_EQ(world_.agent->cached_keys(), 0u);
  EXPECT_EQ(served(), 4u);
}

TEST_F(AgentCache, ServesWhileTheCustodianIsGoneAndNoLongerThanItSaid) {
  world_.start();
  ASSERT_EQ(get("/v1/keys/payments/a"), 200u);
  world_.custodian->stop();
  world_.run_until([&] { return !world_.link->connected(); });
  EXPECT_EQ(get("/v1/keys/payments/a"), 200u);
  world_.world.wall = world_.world.wall + (kReleaseLifetime - std::chrono::milliseconds(1));
  EXPECT_EQ(get("/v1/keys/payments/a"), 200u);
  world_.world.wall = world_.world.wall + std::chrono::milliseconds(1);
  world_.link->stop();
  EXPECT_EQ(get("/v1/keys/payments/a"), 503u);
  EXPECT_EQ(world_.agent->cached_keys(), 0u);
}

TEST_F(AgentCache, WipesAtExpiryThoughNobodyAsks) {
  // The policy ends fifty milliseconds from now, and with it what was released under it.
  world_.edit = [](std::string text) {
    return test::replaced(text, "2026-01-31T00:00:00Z", "2026-01-06T12:00:00Z");
  };
  const auto end = base::parse_rfc3339("2026-01-06T12:00:00Z").value();
  world_.world.wall = end - std::chrono::milliseconds(50);
  world_.start();
  ASSERT_EQ(get("/v1/keys/payments/a"), 200u);
  ASSERT_EQ(world_.agent->cached_keys(), 1u);
  world_.world.wall = end;
  world_.run_until([&] { return world_.agent->cached_keys() == 0; });
}

TEST_F(AgentCache, WipesWhenTheGrantIsWithdrawn) {
  world_.start();
  ASSERT_EQ(get("/v1/keys/payments/a"), 200u);
  world_.operations = R"("sign")";
  ASSERT_TRUE(world_.worker.party.offer_policy(world_.world.envelope(2)));
  EXPECT_EQ(world_.agent->cached_keys(), 0u);
  EXPECT_EQ(get("/v1/keys/payments/a"), 403u);
}

TEST_F(AgentCache, WipesWhenThePolicyLapses) {
  world_.start();
  ASSERT_EQ(get("/v1/keys/payments/a"), 200u);
  const base::Error why(policy::SignatureErrc::expired);
  world_.agent->policy_lapsed();
  world_.link->policy_lapsed(why);
  EXPECT_EQ(world_.agent->cached_keys(), 0u);
  const auto refused = HttpCaller(world_).get("/v1/keys/payments/a");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(refused.code(), "policy_expired");
}

// Before anything told the agent: it looks at the policy each time.
TEST_F(AgentCache, GivesNothingOutUnderAPolicyThatNobodyConfirms) {
  const auto key = test::freshness_key();
  world_.edit = [&](std::string text) {
    return test::with_freshness(std::move(text), key, std::chrono::seconds(120));
  };
  world_.install(1);
  for (test::Side* side : {&world_.worker, &world_.custodian_side}) {
    const auto statement =
        policy::sign_freshness(*side->policies.latest(), world_.world.wall, key).value().encode();
    (void)side->policies.install_freshness(statement, world_.world.wall).value();
  }
  world_.start_custodian();
  world_.link->start();
  ASSERT_EQ(get("/v1/keys/payments/a"), 200u);
  ASSERT_EQ(world_.agent->cached_keys(), 1u);
  world_.world.wall = world_.world.wall + std::chrono::seconds(121);
  HttpCaller caller(world_);
  caller.begin("GET /v1/keys/payments/a HTTP/1.1\r\n\r\n");
  world_.run_until([&] { return world_.agent->cached_keys() == 0; });
  EXPECT_FALSE(caller.received());
  // The custodian, who is asked then, does not answer under it either; the link is told at last.
  world_.link->policy_lapsed(base::Error(policy::FreshnessErrc::too_old));
  world_.link->stop();
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 503u) << caller.finish().body;
}

TEST_F(AgentCache, IsBounded) {
  world_.start();
  HttpCaller caller(world_);
  for (std::size_t i = 0; i < agent::kMaxCachedKeys + 5; ++i)
    ASSERT_EQ(caller.get("/v1/keys/payments/" + std::to_string(i)).status, 200u);
  EXPECT_EQ(world_.agent->cached_keys(), agent::kMaxCachedKeys);
}

TEST_F(AgentCache, WipesWhenTheAgentStops) {
  world_.start();
  ASSERT_EQ(get("/v1/keys/payments/a"), 200u);
  world_.agent->stop();
  EXPECT_EQ(world_.agent->cached_keys(), 0u);
}

}  // namespace
}  // namespace concordat::keyservice
