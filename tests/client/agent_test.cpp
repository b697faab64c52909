// The client library against an agent that answers wrongly, late, or not at all.
#include "client/agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "client/exchange.hpp"
#include "tests/client/fake_agent.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::client {
namespace {

using base::Bytes;
using std::chrono::milliseconds;
using test::AgentRequest;
using test::AgentResponse;
using test::FakeAgent;
using Answered = std::optional<AgentResponse>;

constexpr milliseconds kShort{300};

class AgentClient : public testing::Test {
 protected:
  std::string socket() const { return folder_.path() / "agent.sock"; }
  FakeAgent& serve(FakeAgent::Twist twist = {}) {
    fake_ = std::make_unique<FakeAgent>(socket(), std::move(twist));
    return *fake_;
  }
  Agent open(milliseconds deadline = std::chrono::seconds(30)) const {
    auto agent = Agent::open({"unix:" + socket(), deadline});
    EXPECT_TRUE(agent) << agent.error().to_string();
    return *std::move(agent);
  }
  // An agent that answers the first `times` requests with `answer`, and then as the table says.
  FakeAgent& failing(std::size_t times, AgentResponse answer) {
    return serve([times, answer, count = std::make_shared<std::atomic<std::size_t>>(0)](
                     const AgentRequest&) -> Answered {
      if ((*count)++ < times) return answer;
      return std::nullopt;
    });
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<FakeAgent> fake_;
};

TEST_F(AgentClient, NamesAreEscapedAsAPathNeedsIt) {
  FakeAgent& fake = serve();
  const auto key = open().get_key("payments/card numbers/ü", 3);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->name, "payments/card numbers/ü");
  EXPECT_EQ(fake.requests()[0].query, "version=3");
  EXPECT_EQ(fake.requests()[0].path, "/v1/keys/payments/card%20numbers/%C3%BC");
}

TEST_F(AgentClient, AnAnswerThatDoesNotSayValidIsNoVerification) {
  serve([](const AgentRequest&) -> Answered {
    return AgentResponse{200, R"({"name":"a","version":1,"valid":false})"};
  });
  EXPECT_EQ(open().verify("a", "m", Bytes{1}).error().code, "malformed_response");
}

TEST_F(AgentClient, BadArgumentsReachNobody) {
  FakeAgent& fake = serve();
  const Agent agent = open();
  EXPECT_EQ(agent.get_key("").error().code, "bad_argument");
  EXPECT_EQ(agent.get_key(std::string(129, 'a')).error().code, "bad_argument");
  EXPECT_EQ(agent.get_key("a", 0, {.request_id = "a b"}).error().code, "bad_argument");
  EXPECT_EQ(agent.get_key("a", 0, {.request_id = "a\r\nX: y"}).error().code, "bad_argument");
  EXPECT_TRUE(fake.requests().empty());
  for (const char* endpoint :
       {"", "agent.sock", "tcp:192.0.2.1:80", "tcp:example.org:80", "vsock:3:7000"}) {
    EXPECT_EQ(Agent::open({endpoint}).error().code, "bad_argument") << endpoint;
  }
  EXPECT_TRUE(Agent::open({"tcp:127.0.0.1:1"}));
}

TEST_F(AgentClient, KeepsConnectionsAndReplacesEndedOnes) {
  FakeAgent& fake = serve();
  const Agent agent = open();
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(agent.get_key("a"));
  EXPECT_EQ(fake.connections(), 1U);
  fake.end_idle_connections();
  EXPECT_TRUE(agent.sign("a", "m")) << "not to be repeated, and still sent on a new connection";
  EXPECT_EQ(fake.connections(), 2U);
}

TEST_F(AgentClient, ServesManyThreads) {
  FakeAgent& fake = serve();
  const Agent agent = open();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string name = "thread/" + std::to_string(t);
      for (int i = 0; i < 25; ++i) {
        const auto key = agent.get_key(name);
        good += key && key->name == name;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(good, 200);
  EXPECT_LE(fake.connections(), 200U);
}

// --- What may be asked again ---

const AgentResponse kOverloaded = test::refusal(503, "overloaded", "come back");

TEST_F(AgentClient, RepeatsWhatChangesNothing) {
  FakeAgent& fake = failing(2, kOverloaded);
  EXPECT_TRUE(open().get_key("a"));
  EXPECT_EQ(fake.requests().size(), 3U);
}

TEST_F(AgentClient, RepeatsAfterABrokenAnswer) {
  FakeAgent& fake = failing(2, {200, R"({"name":"a")", "application/json", false, 4});
  EXPECT_TRUE(open().get_key("a"));
  EXPECT_EQ(fake.requests().size(), 3U);
}

TEST_F(AgentClient, DoesNotRepeatWhatIsCounted) {
  FakeAgent& fake = failing(100, kOverloaded);
  const Agent agent = open();
  EXPECT_EQ(agent.sign("a", "m").error().code, "overloaded");
  EXPECT_EQ(agent.encrypt("a", "m").error().code, "overloaded");
  EXPECT_EQ(agent.wrap("a", "m").error().code, "overloaded");
  EXPECT_EQ(agent.mac("a", "m").error().code, "overloaded");
  EXPECT_EQ(agent.random("a", 8).error().code, "overloaded");
  EXPECT_EQ(fake.requests().size(), 5U);
}

TEST_F(AgentClient, DoesNotRepeatARefusal) {
  FakeAgent& fake = failing(100, test::refusal(502, "malformed_reply", "odd"));
  EXPECT_EQ(open().get_key("a").error().http_status, 502U);
  EXPECT_EQ(fake.requests().size(), 1U);
}

TEST_F(AgentClient, GivesUpAtItsDeadlineWithTheLastError) {
  failing(1'000'000, kOverloaded);
  EXPECT_EQ(open(kShort).get_key("a").error().code, "overloaded");
}

TEST_F(AgentClient, WaitsForAnAgentThatStartsLater) {
  const Agent agent = open();
  std::thread later([&] { serve(); });
  const auto signature = agent.sign("a", "m");
  later.join();
  EXPECT_TRUE(signature) << signature.error().to_string();
}

TEST_F(AgentClient, SaysWhenNobodyListens) {
  const auto missing = open(kShort).sign("a", "m");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "agent_unreachable");
  EXPECT_THAT(missing.error().message, testing::HasSubstr(socket()));
  EXPECT_EQ(missing.error().http_status, 0U);
}

TEST_F(AgentClient, WaitsForReadiness) {
  FakeAgent& fake = failing(3, {503, R"({"ready":false,"custodian":"cannot connect"})"});
  EXPECT_TRUE(open().wait_for_ready(std::chrono::seconds(60)));
  EXPECT_EQ(fake.requests().size(), 4U);
}

TEST_F(AgentClient, TellsWhyItIsNotReady) {
  failing(1'000'000, {503, "{\"ready\":false,\"custodian\":\"cannot connect\"}\n"});
  const Agent agent = open();
  const auto waited = agent.wait_for_ready(kShort);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, "not_ready");
  EXPECT_EQ(waited.error().message, R"({"ready":false,"custodian":"cannot connect"})");
  const auto health = agent.health();
  ASSERT_TRUE(health) << health.error().to_string();
  EXPECT_FALSE(health->ready);
}

// --- Answers that are none ---

class OddAnswer : public AgentClient, public testing::WithParamInterface<AgentResponse> {};

TEST_P(OddAnswer, IsNeverTakenForOne) {
  const AgentResponse& odd = GetParam();
  serve([&](const AgentRequest&) -> Answered { return odd; });
  const Agent agent = open(kShort);
  for (const Error& error :
       {agent.get_key("a").error(), agent.sign("a", "m").error(), agent.mac("a", "m").error(),
        agent.decrypt("a", Bytes{1}).error(), agent.attestation().error()}) {
    // What breaks off is asked for again until the time is over.
    EXPECT_THAT(error.code, testing::AnyOf("malformed_response", "interrupted", "timed_out"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, OddAnswer,
    testing::Values(
        AgentResponse{200, ""}, AgentResponse{200, "{}"}, AgentResponse{200, "[]"},
        AgentResponse{200, R"({"name":"a","version":1,"key":"AA"})"},
        AgentResponse{200, R"({"name":"a","version":-1,"type":"derived","key":"AAAA"})"},
        AgentResponse{200, R"({"name":"a","version":4294967296,"type":"x","key":"AAAA"})"},
        AgentResponse{200, std::string(300 * 1024, ' ')},
        AgentResponse{200, std::string(300 * 1024, ' '), "application/json", true},
        AgentResponse{500, "<html>"}, AgentResponse{404, "{}"},
        AgentResponse{200, R"({"document":"AAAA"})", "application/json", false, 0}));

TEST_F(AgentClient, AnswersAreTakenUpToTheirLimit) {
  const std::string key = R"({"name":"a","version":1,"type":"derived","key":"AAAA"})";
  const auto code_of_size = [&](std::size_t size) {
    fake_.reset();
    serve([&](const AgentRequest&) -> Answered {
      return AgentResponse{200, key + std::string(size - key.size(), ' ')};
    });
    const auto answered = open(kShort).get_key("a");
    return answered ? "" : answered.error().code;
  };
  EXPECT_EQ(code_of_size(kMaxAnswer), "");
  EXPECT_EQ(code_of_size(kMaxAnswer + 1), "malformed_response");
}

TEST_F(AgentClient, ARefusedStreamsWordsAreTakenUpToTheirLimit) {
  constexpr std::size_t kMaxErrorBody = 16 * 1024;
  const auto code_of_size = [&](std::size_t size) {
    fake_.reset();
    serve([&](const AgentRequest&) -> Answered {
      const std::size_t rest = test::refusal(403, "not_granted", "").body.size();
      return test::refusal(403, "not_granted", std::string(size - rest, 'x'));
    });
    const auto nothing = [](std::span<std::uint8_t>) { return Result<std::size_t>(0); };
    const auto nowhere = [](base::BytesView) { return Status(); };
    return open().encrypt_stream("a", nothing, nowhere).error().code;
  };
  EXPECT_EQ(code_of_size(kMaxErrorBody), "not_granted");
  EXPECT_EQ(code_of_size(kMaxErrorBody + 1), "malformed_response") << "half of it says nothing";
}

TEST_F(AgentClient, NamesAreTakenUpToTheirLimit) {
  serve();
  const Agent agent = open();
  EXPECT_TRUE(agent.get_key(std::string(128, 'a')));
  EXPECT_EQ(agent.get_key(std::string(129, 'a')).error().code, "bad_argument");
}

TEST_F(AgentClient, AnAgentThatNeverAnswersIsLeftAtTheDeadline) {
  std::promise<void> left;
  serve([ended = left.get_future().share()](const AgentRequest&) -> Answered {
    ended.wait();
    return std::nullopt;
  });
  EXPECT_EQ(open(kShort).get_key("a").error().code, "timed_out");
  left.set_value();
}

}  // namespace
}  // namespace concordat::client
