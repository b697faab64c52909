// What becomes of a request to an application, without a socket.
#include "application/router.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "attest/base/request_id.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::application {
namespace {

using base::SecretAccess;
using base::SecretBytes;

SecretBytes secret(std::string_view text) {
  std::string copy(text);
  return SecretBytes::take({reinterpret_cast<std::uint8_t*>(copy.data()), copy.size()});
}
std::string shown(const Reply& reply) {
  return std::string(base::as_text(reply.body.expose(SecretAccess{})));
}
std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}
Result<JsonWriter> echo(const Request& request) {
  auto text = request.members.text("say");
  if (!text) return malformed_request(text.error());
  JsonWriter out;
  out.text("said", *text).text("id", request.id).text("operation", request.operation);
  return out;
}

class ARouter : public testing::Test {
 protected:
  ARouter() {
    EXPECT_TRUE(router_.add("echo", echo));
    router_.set_readiness(std::nullopt);
  }
  Reply at_once(std::string_view method, std::string_view target) {
    auto begun = router_.begin(method, target, "id-1");
    EXPECT_TRUE(std::holds_alternative<Reply>(begun)) << target;
    return std::move(std::get<Reply>(begun));
  }
  Reply run(std::string_view target, std::string_view body) {
    const auto begun = router_.begin("POST", target, "id-1");
    EXPECT_TRUE(std::holds_alternative<Router::Found>(begun)) << target;
    Reply reply = run_handler(std::get<Router::Found>(begun), secret(body), "id-1", soon());
    router_.finished();
    return reply;
  }

  Router router_{{.concurrent = 2}};
};

TEST_F(ARouter, FindsHandlersByName) {
  const Reply reply = run("/v1/echo", R"({"say":"hello"})");
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(shown(reply), R"({"said":"hello","id":"id-1","operation":"echo"})"
                          "\n");
}

TEST_F(ARouter, RefusesWhatIsNotThere) {
  for (const char* target : {"", "/", "/v1/", "/v1/other", "/v2/echo", "/v1/echo/", "/v1/echo?a=b",
                             "http://x/v1/echo"}) {
    const Reply reply = at_once("POST", target);
    EXPECT_EQ(reply.status, 404U) << target;
    EXPECT_EQ(shown(reply),
              R"({"error":{"code":"not_found","message":"no such operation","request_id":"id-1"}})"
              "\n");
  }
  EXPECT_EQ(at_once("GET", "/v1/echo").status, 405U);
  EXPECT_EQ(at_once("POST", "/v1/health").status, 405U);
}

TEST_F(ARouter, CallsNobodyUntilReady) {
  router_.set_readiness("agent_unreachable");
  const Reply reply = at_once("POST", "/v1/echo");
  EXPECT_EQ(reply.status, 503U);
  EXPECT_EQ(reply.code, "not_ready");
  EXPECT_EQ(shown(at_once("GET", "/v1/health")),
            "{\"ready\":false,\"reason\":\"agent_unreachable\"}\n");
  router_.set_readiness(std::nullopt);
  EXPECT_EQ(at_once("GET", "/v1/health").status, 200U);
  EXPECT_EQ(shown(at_once("GET", "/v1/health")), "{\"ready\":true}\n");
  EXPECT_EQ(run("/v1/echo", R"({"say":""})").status, 200U);
}

TEST_F(ARouter, LimitsWhatRunsAtOnce) {
  EXPECT_TRUE(std::holds_alternative<Router::Found>(router_.begin("POST", "/v1/echo", "a")));
  EXPECT_TRUE(std::holds_alternative<Router::Found>(router_.begin("POST", "/v1/echo", "b")));
  EXPECT_EQ(at_once("POST", "/v1/echo").code, "overloaded");
  EXPECT_EQ(at_once("GET", "/v1/health").status, 200U)
      << "whoever watches is answered all the same";
  router_.finished();
  EXPECT_TRUE(std::holds_alternative<Router::Found>(router_.begin("POST", "/v1/echo", "c")));
}

TEST_F(ARouter, TellsWhatIsWrongWithARequest) {
  for (const char* body :
       {"", "[]", "{", R"({"say":1})", R"({"other":"x"})", R"({"say":"a","say":"b"})"}) {
    const Reply reply = run("/v1/echo", body);
    EXPECT_EQ(reply.status, 400U) << body;
    EXPECT_EQ(reply.code, "malformed_request") << body;
  }
}

TEST_F(ARouter, PassesErrorsOnAsTheyAre) {
  const auto status_of = [&](Error error) {
    EXPECT_TRUE(router_.add("fails" + std::to_string(router_.running()) + error.code,
                            [error](const Request&) { return Result<JsonWriter>(error); }));
    return run("/v1/fails0" + error.code, "{}");
  };
  const Reply agents = status_of({"not_granted", "role \"x\" has no grant", "id-1", 403});
  EXPECT_EQ(agents.status, 403U);
  EXPECT_EQ(
      shown(agents),
      R"({"error":{"code":"not_granted","message":"role \"x\" has no grant","request_id":"id-1"}})"
      "\n");
  EXPECT_EQ(status_of(refuse("not_a_card_number", "")).status, 422U);
  EXPECT_EQ(status_of(refuse("gone", "", 410)).status, 410U);
  EXPECT_EQ(status_of(refuse("odd", "", 200)).status, 500U) << "an error is never a success";
  EXPECT_EQ(status_of({"agent_unreachable", ""}).status, 503U);
  EXPECT_EQ(status_of({"timed_out", ""}).status, 504U);
  EXPECT_EQ(status_of({"malformed_response", "", "", 200}).status, 500U);
}

TEST_F(ARouter, AHandlerThatThrowsTellsNothing) {
  ASSERT_TRUE(router_.add("throws", [](const Request&) -> Result<JsonWriter> {
    throw std::runtime_error("4111111111111111");
  }));
  const Reply reply = run("/v1/throws", "{}");
  EXPECT_EQ(reply.status, 500U);
  EXPECT_EQ(reply.code, "internal_error");
  EXPECT_EQ(shown(reply).find("4111"), std::string::npos);
}

TEST_F(ARouter, TakesEachNameOnce) {
  for (const char* name : {"", "echo", "health", "Upper", "a/b", "a b", "ü"})
    EXPECT_EQ(router_.add(name, echo).error().code, "bad_argument") << name;
  EXPECT_EQ(router_.add(std::string(65, 'a'), echo).error().code, "bad_argument");
  EXPECT_EQ(router_.add("none", nullptr).error().code, "bad_argument");
  EXPECT_TRUE(router_.add(std::string(64, 'a'), echo));
}

TEST(RequestIds, AreTheCallersWhereTheyMayBeRepeated) {
  EXPECT_EQ(base::request_id_from("order-17_A.b"), "order-17_A.b");
  for (const char* bad : {"", "a b", "a\r\nX: y", "ü"})
    EXPECT_EQ(base::request_id_from(bad).size(), 24U) << bad;
  EXPECT_EQ(base::request_id_from(std::string(65, 'a')).size(), 24U);
  EXPECT_NE(base::request_id_from(""), base::request_id_from(""));
}

TEST(CallsOfARequest, CarryItsIdAndWhatIsLeftOfItsTime) {
  const auto fields = JsonFields::parse(secret("{}")).value();
  const auto now = std::chrono::steady_clock::now();
  const Request late{"x", "id-9", fields, now - std::chrono::seconds(1)};
  EXPECT_EQ(late.call().request_id, "id-9");
  EXPECT_EQ(late.call().deadline, std::chrono::milliseconds(0));
  const Request early{"x", "id-9", fields, now + std::chrono::hours(1)};
  EXPECT_GT(early.call().deadline.value(), std::chrono::minutes(30));
}

}  // namespace
}  // namespace concordat::application
