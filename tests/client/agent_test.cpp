// The client library against an agent that follows the API's table, and against one that does not.
#include "client/agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <thread>

#include "attest/base/secret_access.hpp"
#include "tests/client/fake_agent.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::client {
namespace {

using base::Bytes;
using base::SecretAccess;
using base::SecretBytes;
using std::chrono::milliseconds;
using test::AgentRequest;
using test::AgentResponse;
using test::FakeAgent;
using Answered = std::optional<AgentResponse>;

constexpr const char* kName = "payments/card numbers/ü";
constexpr milliseconds kShort{300};

std::string shown(const SecretBytes& bytes) {
  return std::string(base::as_text(bytes.expose(SecretAccess{})));
}

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

TEST_F(AgentClient, GetsKeys) {
  FakeAgent& fake = serve();
  const Agent agent = open();
  const auto key = agent.get_key(kName, 3);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->name, kName);
  EXPECT_EQ(key->version, 3U);
  EXPECT_EQ(key->type, "derived");
  EXPECT_EQ(base::format_rfc3339(key->expires.value()), "2040-01-15T12:00:00Z");
  EXPECT_EQ(key->key.size(), 32U);
  EXPECT_EQ(fake.requests()[0].query, "version=3");
  EXPECT_EQ(fake.requests()[0].path, "/v1/keys/payments/card%20numbers/%C3%BC");
}

TEST_F(AgentClient, SignsAndVerifies) {
  serve();
  const Agent agent = open();
  const auto signature = agent.sign(kName, "pay 10 to carol");
  ASSERT_TRUE(signature) << signature.error().to_string();
  EXPECT_EQ(signature->algorithm, "Ed25519");
  EXPECT_EQ(signature->signature.size(), 64U);
  EXPECT_TRUE(agent.verify(kName, std::string("pay 10 to carol"), signature->envelope));
  const auto bad = agent.verify(kName, "pay 11 to carol", signature->envelope);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "authentication_failed");
  EXPECT_EQ(bad.error().http_status, 422U);
  EXPECT_EQ(bad.error().request_id, "fake-1");
  const auto key = agent.public_key(kName);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->raw.size(), 32U);
  EXPECT_EQ(key->der.size(), 44U);
  EXPECT_THAT(key->pem, testing::StartsWith("-----BEGIN PUBLIC KEY-----\n"));
}

TEST_F(AgentClient, AnAnswerThatDoesNotSayValidIsNoVerification) {
  serve([](const AgentRequest&) -> Answered {
    return AgentResponse{200, R"({"name":"a","version":1,"valid":false})"};
  });
  EXPECT_EQ(open().verify("a", "m", Bytes{1}).error().code, "malformed_response");
}

TEST_F(AgentClient, SealsAndOpens) {
  serve();
  const Agent agent = open();
  const SecretBytes plaintext = SecretBytes::random(32 * 1024);
  const Bytes associated{1, 2, 3};
  const auto sealed = agent.encrypt(kName, plaintext, associated);
  ASSERT_TRUE(sealed) << sealed.error().to_string();
  const auto opened = agent.decrypt(kName, sealed->ciphertext, associated);
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_TRUE(opened->bytes == plaintext);
  EXPECT_EQ(agent.decrypt(kName, sealed->ciphertext).error().code, "authentication_failed");
  const auto none = agent.encrypt(kName, "");
  ASSERT_TRUE(none) << none.error().to_string();
  EXPECT_TRUE(agent.decrypt(kName, none->ciphertext).value().bytes.empty());
}

TEST_F(AgentClient, WrapsMacsAndDerives) {
  serve();
  const Agent agent = open();
  const auto wrapped = agent.wrap("kek", "a data key");
  EXPECT_EQ(shown(agent.unwrap("kek", wrapped.value().wrapped).value().bytes), "a data key");
  const auto of_key = agent.wrap_key("kek", kName, 3);
  EXPECT_TRUE(agent.unwrap("kek", of_key.value().wrapped).value().bytes ==
              agent.get_key(kName).value().key);
  const auto mac = agent.mac("macs", "message");
  ASSERT_TRUE(mac) << mac.error().to_string();
  EXPECT_EQ(mac->tag.size(), 32U);
  EXPECT_TRUE(agent.verify("macs", "message", mac->envelope));
  EXPECT_EQ(agent.mac("macs", "message").value().tag, mac->tag);
  EXPECT_NE(agent.mac("macs", "another").value().tag, mac->tag);
  const auto derived = agent.derive("d", {48, {7}, 2, Bytes(32, 9)});
  ASSERT_TRUE(derived) << derived.error().to_string();
  EXPECT_EQ(derived->bytes.size(), 48U);
  EXPECT_FALSE(agent.derive("d", {48, {8}}).value().bytes == derived->bytes);
  EXPECT_EQ(agent.random("r", 24).value().size(), 24U);
  EXPECT_EQ(agent.random("r", 0).error().code, "bad_output_size");
}

TEST_F(AgentClient, AttestsAndTellsItsHealth) {
  serve();
  const Agent agent = open();
  const Bytes nonce{0xca, 0xfe}, data{0x01};
  EXPECT_EQ(base::as_text(agent.attestation(nonce, data).value()),
            "document nonce=cafe&user_data=01");
  EXPECT_EQ(base::as_text(agent.attestation().value()), "document ");
  const auto health = agent.health();
  ASSERT_TRUE(health) << health.error().to_string();
  EXPECT_TRUE(health->ready);
  EXPECT_THAT(health->json, testing::HasSubstr("\"serial\":7"));
  EXPECT_TRUE(agent.wait_for_ready(milliseconds(0)));
}

TEST_F(AgentClient, RefusalsCarryTheAgentsWords) {
  serve().deny("keys " + std::string(kName));
  const Agent agent = open();
  const auto refused = agent.get_key(kName, 0, {.request_id = "order-17"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "not_granted");
  EXPECT_EQ(refused.error().http_status, 403U);
  EXPECT_EQ(refused.error().request_id, "order-17");
  EXPECT_EQ(refused.error().message,
            "role \"tests\" has no grant to keys \"" + std::string(kName) + "\"");
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

TEST_F(AgentClient, AnAgentThatNeverAnswersIsLeftAtTheDeadline) {
  std::promise<void> left;
  serve([ended = left.get_future().share()](const AgentRequest&) -> Answered {
    ended.wait();
    return std::nullopt;
  });
  EXPECT_EQ(open(kShort).get_key("a").error().code, "timed_out");
  left.set_value();
}

// --- Streams ---

class Streams : public AgentClient {
 protected:
  static Source from(const std::string& bytes, std::size_t step) {
    return [&bytes, step,
            at = std::size_t{0}](std::span<std::uint8_t> room) mutable -> Result<std::size_t> {
      const std::size_t n = std::min({step, room.size(), bytes.size() - at});
      std::memcpy(room.data(), bytes.data() + at, n);
      at += n;
      return n;
    };
  }
  static Sink into(std::string& out) {
    return [&out](base::BytesView bytes) -> Status {
      out += base::as_text(bytes);
      return {};
    };
  }
};

TEST_F(Streams, OfAnySizeComeBack) {
  serve();
  const Agent agent = open();
  const Bytes associated{0xfb, 0xff};
  for (const std::size_t size : {0UL, 1UL, 5'000'000UL}) {
    std::string plaintext(size, 'p'), sealed, opened;
    if (size > 0) plaintext.back() = 'e';
    const auto encrypted =
        agent.encrypt_stream(kName, from(plaintext, 7'001), into(sealed), associated);
    ASSERT_TRUE(encrypted) << encrypted.error().to_string();
    EXPECT_GE(sealed.size(), size);
    const auto decrypted =
        agent.decrypt_stream(kName, from(sealed, 100'000), into(opened), associated);
    ASSERT_TRUE(decrypted) << decrypted.error().to_string();
    EXPECT_EQ(opened, plaintext);
  }
  EXPECT_EQ(fake_->connections(), 1U);
}

TEST_F(Streams, AlteredInTheMiddleEndInAnError) {
  serve();
  const Agent agent = open();
  std::string plaintext(100'000, 'p'), sealed, opened;
  ASSERT_TRUE(agent.encrypt_stream(kName, from(plaintext, 9'000), into(sealed)));
  sealed[50'000] ^= 1;
  EXPECT_EQ(agent.decrypt_stream(kName, from(sealed, 9'000), into(opened)).error().code,
            "interrupted");
  EXPECT_LT(opened.size(), plaintext.size());
  sealed[0] ^= 1;
  opened.clear();
  EXPECT_EQ(agent.decrypt_stream(kName, from(sealed, 9'000), into(opened)).error().code,
            "authentication_failed");
  EXPECT_EQ(opened, "");
}

TEST_F(Streams, RefusedTellTheAgentsWords) {
  serve().deny("encrypt-stream " + std::string(kName));
  std::string plaintext(1'000'000, 'p'), sealed;
  const auto refused = open().encrypt_stream(kName, from(plaintext, 9'000), into(sealed));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "not_granted");
  EXPECT_EQ(sealed, "");
}

TEST_F(Streams, EndWhenTheirCallerSaysSo) {
  serve();
  const Agent agent = open();
  std::string plaintext(100'000, 'p'), sealed;
  const Error mine{"stopped_by_caller", "no more"};
  EXPECT_EQ(agent
                .encrypt_stream(
                    kName, [&](std::span<std::uint8_t>) { return Result<std::size_t>(mine); },
                    into(sealed))
                .error()
                .code,
            "stopped_by_caller");
  EXPECT_EQ(agent
                .encrypt_stream(kName, from(plaintext, 9'000),
                                [&](base::BytesView) { return Status(mine); })
                .error()
                .code,
            "stopped_by_caller");
}

}  // namespace
}  // namespace concordat::client
