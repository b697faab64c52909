// The agent's API by HTTP, over a real custodian: every operation does what it says, every refusal
// has its code and status, every limit is met.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

#include "keyservice/agent/answer.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "tests/agent/http_caller.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice::agent {
namespace {

using nlohmann::json;
using test::AgentWorld;
using test::b64;
using test::HttpCaller;
using test::Reply;

class AgentHttp : public testing::Test {
 protected:
  void SetUp() override { world_.start(); }
  void expect_refused(const Reply& reply, unsigned status, const std::string& code,
                      const std::string& named = {}) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_EQ(reply.code(), code) << reply.body;
    EXPECT_NE(named.empty() ? 0 : reply.message().find(named), std::string::npos) << reply.body;
    EXPECT_EQ(reply.json()["error"]["request_id"], reply.request_id);
  }
  Reply get(const std::string& target, const std::string& fields = {}) {
    return HttpCaller(world_).get(target, fields);
  }
  Reply post(const std::string& target, const json& body) {
    return HttpCaller(world_).post(target, body);
  }

  test::TemporaryFolder folder_;
  AgentWorld world_{folder_.path().string()};
};

TEST_F(AgentHttp, GivesAKeyAsJsonAndBare) {
  const Reply key = get("/v1/keys/payments/a");
  ASSERT_EQ(key.status, 200u) << key.body;
  EXPECT_EQ(key.json()["name"], "payments/a");
  EXPECT_EQ(key.json()["version"], 1);
  EXPECT_EQ(key.json()["type"], "derived");
  EXPECT_EQ(key.bytes("key").size(), 32u);
  EXPECT_EQ(key.json()["expires"], base::format_rfc3339(world_.world.wall + kReleaseLifetime));
  const Reply bare = get("/v1/keys/payments%2fa?version=1", "Accept: application/octet-stream\r\n");
  EXPECT_EQ(bare.body, key.bytes("key"));
}

TEST_F(AgentHttp, SignsAndVerifies) {
  const Reply signature = post("/v1/sign/payments/a", {{"message", b64("pay")}});
  ASSERT_EQ(signature.status, 200u) << signature.body;
  EXPECT_EQ(signature.json()["algorithm"], "Ed25519");
  EXPECT_EQ(signature.bytes("signature").size(), 64u);
  const json envelope = signature.json()["envelope"];
  const Reply good =
      post("/v1/verify/payments/a", {{"message", b64("pay")}, {"envelope", envelope}});
  EXPECT_EQ(good.json(), json({{"name", "payments/a"}, {"version", 1}, {"valid", true}}));
  expect_refused(post("/v1/verify/payments/a", {{"message", b64("PAY")}, {"envelope", envelope}}),
                 422, "authentication_failed");
  expect_refused(post("/v1/verify/payments/b", {{"message", b64("pay")}, {"envelope", envelope}}),
                 422, "other_key");
  expect_refused(post("/v1/verify/payments/a", {{"message", b64("pay")}, {"envelope", b64("x")}}),
                 422, "envelope_malformed");
  const Reply half = get("/v1/public/payments/a");
  EXPECT_EQ(half.json()["type"], "ed25519");
  EXPECT_EQ(half.bytes("raw").size(), 32u);
  EXPECT_EQ(half.bytes("der").size(), 44u);
  EXPECT_EQ(half.bytes("der").substr(12), half.bytes("raw"));
  EXPECT_TRUE(half.json()["pem"].get<std::string>().starts_with("-----BEGIN PUBLIC KEY-----\n"));
}

TEST_F(AgentHttp, EncryptsAndDecrypts) {
  const Reply sealed = post("/v1/encrypt/payments/a",
                            {{"plaintext", b64("4111")}, {"associated_data", b64("order 7")}});
  ASSERT_EQ(sealed.status, 200u) << sealed.body;
  json asked = {{"ciphertext", sealed.json()["ciphertext"]}, {"associated_data", b64("order 7")}};
  const Reply opened = post("/v1/decrypt/payments/a", asked);
  EXPECT_EQ(opened.bytes("plaintext"), "4111");
  EXPECT_EQ(opened.json()["version"], 1);
  asked["associated_data"] = b64("order 8");
  expect_refused(post("/v1/decrypt/payments/a", asked), 422, "authentication_failed");
  asked.erase("associated_data");
  expect_refused(post("/v1/decrypt/payments/a", asked), 422, "authentication_failed");
}

TEST_F(AgentHttp, WrapsBytesAndKeys) {
  const Reply wrapped = post("/v1/wrap/payments/a", {{"bytes", b64("secret")}});
  ASSERT_EQ(wrapped.status, 200u) << wrapped.body;
  const Reply unwrapped = post("/v1/unwrap/payments/a", {{"wrapped", wrapped.json()["wrapped"]}});
  EXPECT_EQ(unwrapped.bytes("bytes"), "secret");
  // A derived key has no bytes of its own to wrap: the custodian says so, not the agent.
  EXPECT_NE(post("/v1/wrap/payments/a", {{"key", "payments/b"}, {"version", 1}}).status, 502u);
  expect_refused(post("/v1/wrap/payments/a", {{"key", "reports/daily"}}), 403, "not_granted");
  expect_refused(post("/v1/wrap/payments/a", {{"key", "../x"}}), 400, "bad_key_name");
  expect_refused(post("/v1/wrap/payments/a", {{"key", "payments/b"}, {"bytes", ""}}), 400,
                 "malformed_request", "either");
  expect_refused(post("/v1/wrap/payments/a", json::object()), 400, "malformed_request", "either");
}

TEST_F(AgentHttp, MakesMacsAndDerivesAndDrawsBytes) {
  const Reply mac = post("/v1/mac/payments/a", {{"message", b64("pay")}});
  EXPECT_EQ(mac.json()["algorithm"], "HMAC-SHA256") << mac.body;
  EXPECT_EQ(mac.bytes("tag").size(), 32u);
  EXPECT_EQ(
      post("/v1/verify/payments/a", {{"message", b64("pay")}, {"envelope", mac.json()["envelope"]}})
          .status,
      200u);
  const json order = {{"size", 48}, {"context", b64("db")}};
  const Reply derived = post("/v1/derive/payments/a", order);
  EXPECT_EQ(derived.bytes("bytes").size(), 48u) << derived.body;
  EXPECT_EQ(post("/v1/derive/payments/a", order).body, derived.body);
  EXPECT_NE(post("/v1/derive/payments/a", {{"size", 48}}).body, derived.body);
  const Reply random = post("/v1/random/payments/a", {{"size", 16}});
  EXPECT_EQ(random.bytes("bytes").size(), 16u) << random.body;
  EXPECT_EQ(random.json().size(), 1u);
}

TEST_F(AgentHttp, RefusesByName) {
  expect_refused(get("/v1/keys/reports/daily"), 403, "not_granted");
  expect_refused(get("/v1/keys/payments/a?version=2"), 404, "version_unknown");
  expect_refused(get("/v1/keys/payments/a?version=0"), 400, "malformed_request", "version");
  expect_refused(get("/v1/keys/payments/a?version=1&version=1"), 400, "malformed_request", "twice");
  expect_refused(get("/v1/keys/payments/a?vresion=1"), 400, "malformed_request", "vresion");
  expect_refused(get("/v1/keys/"), 400, "bad_key_name");
  expect_refused(get("/v1/keys/payments/../a"), 400, "bad_key_name");
  expect_refused(get("/v1/keys/payments/%00"), 400, "bad_key_name");
  expect_refused(get("/v1/nothing"), 404, "not_found");
  expect_refused(HttpCaller(world_).call("POST", "/v1/keys/payments/a", "{}"), 405,
                 "method_not_allowed");
  expect_refused(get("/v1/sign/payments/a"), 405, "method_not_allowed");
  expect_refused(HttpCaller(world_).raw("nonsense\r\n\r\n"), 400, "malformed_request");
  expect_refused(HttpCaller(world_).raw("GET http://other/ HTTP/1.1\r\n\r\n"), 400,
                 "malformed_request");
}

TEST_F(AgentHttp, ReadsBodiesStrictly) {
  const auto body = [&](const std::string& text) {
    return HttpCaller(world_).call("POST", "/v1/encrypt/payments/a", text);
  };
  expect_refused(body(""), 400, "malformed_request");
  expect_refused(body("[]"), 400, "malformed_request", "object");
  expect_refused(body("{}"), 400, "malformed_request", "plaintext");
  expect_refused(body(R"({"plaintext":"eA==","plaintext":"eA=="})"), 400, "malformed_request",
                 "plaintext");
  expect_refused(body(R"({"plaintext":"eA==","asociated_data":""})"), 400, "malformed_request",
                 "asociated_data");
  expect_refused(body(R"({"plaintext":"eA"})"), 400, "malformed_request", "plaintext");
  expect_refused(body(R"({"plaintext":7})"), 400, "malformed_request", "plaintext");
  expect_refused(body(R"({"plaintext":"eA\u003d="})"), 400, "malformed_request", "escapes");
  for (const char* coding : {"gzip", "chunked, identity"}) {
    expect_refused(
        HttpCaller(world_).raw("POST /v1/random/payments/a HTTP/1.1\r\nTransfer-Encoding: " +
                               std::string(coding) + "\r\n\r\n"),
        400, "malformed_request");
  }
  expect_refused(HttpCaller(world_).raw("GET /v1/health HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"),
                 400, "malformed_request", "body");
}

TEST_F(AgentHttp, EveryLimitIsMet) {
  const auto text = [](std::size_t size) { return b64(std::string(size, 'x')); };
  const auto at_and_over = [&](const std::string& path, const std::string& member, std::size_t max,
                               json rest = json::object(), unsigned at_limit = 200) {
    rest[member] = text(max);
    EXPECT_EQ(post(path, rest).status, at_limit) << path << " " << member;
    rest[member] = text(max + 1);
    expect_refused(post(path, rest), 413, "input_too_large", member);
  };
  at_and_over("/v1/sign/payments/a", "message", kMaxSignMessage);
  at_and_over("/v1/mac/payments/a", "message", kMaxSignMessage);
  at_and_over("/v1/encrypt/payments/a", "plaintext", kMaxPlaintext);
  at_and_over("/v1/encrypt/payments/a", "associated_data", kMaxAssociatedData,
              {{"plaintext", text(kMaxPlaintext)}});
  at_and_over("/v1/wrap/payments/a", "bytes", kMaxWrappedBytes);
  at_and_over("/v1/derive/payments/a", "context", kMaxContext, {{"size", 32}});
  at_and_over("/v1/decrypt/payments/a", "ciphertext", kMaxEnvelope, json::object(), 422);
  at_and_over("/v1/unwrap/payments/a", "wrapped", kMaxEnvelope, json::object(), 422);
  at_and_over("/v1/verify/payments/a", "message", kMaxSignMessage, {{"envelope", text(100)}}, 422);
  at_and_over("/v1/verify/payments/a", "envelope", kMaxEnvelopeHeader + kMaxSignature,
              {{"message", text(1)}}, 422);
  for (const auto& [path, max] : {std::pair{"/v1/derive/payments/a", kMaxDerivedSize},
                                  std::pair{"/v1/random/payments/a", kMaxRandomSize}}) {
    EXPECT_EQ(post(path, {{"size", max}}).bytes("bytes").size(), max);
    expect_refused(post(path, {{"size", max + 1}}), 400, "bad_output_size", "size");
    expect_refused(post(path, {{"size", 0}}), 400, "bad_output_size", "size");
  }
  EXPECT_EQ(get("/v1/attestation?nonce=" + std::string(2 * kMaxApplicationData, 'a')).status, 200u);
  expect_refused(get("/v1/attestation?nonce=" + std::string(2 * kMaxApplicationData + 2, 'a')), 413,
                 "message_too_large", "nonce");
  EXPECT_EQ(
      get("/v1/wait-for-ready?timeout_seconds=" + std::to_string(kMaxReadyWaitSeconds)).status,
      200u);
  expect_refused(
      get("/v1/wait-for-ready?timeout_seconds=" + std::to_string(kMaxReadyWaitSeconds + 1)), 400,
      "malformed_request", "timeout_seconds");
}

TEST_F(AgentHttp, ALargeCiphertextComesBackWhole) {
  const std::string plaintext(kMaxPlaintext, 'p'), associated(kMaxAssociatedData, 'a');
  const Reply sealed = post("/v1/encrypt/payments/a",
                            {{"plaintext", b64(plaintext)}, {"associated_data", b64(associated)}});
  ASSERT_EQ(sealed.status, 200u);
  const Reply opened = post("/v1/decrypt/payments/a", {{"ciphertext", sealed.json()["ciphertext"]},
                                                       {"associated_data", b64(associated)}});
  EXPECT_TRUE(opened.bytes("plaintext") == plaintext);
}

TEST_F(AgentHttp, BodiesAndHeadersAreBounded) {
  const std::string large(kMaxBody + 1, ' ');
  {
    HttpCaller caller(world_);
    expect_refused(caller.call("POST", "/v1/sign/payments/a", large), 413, "body_too_large");
    EXPECT_TRUE(caller.ended());
  }
  char size[16];
  std::snprintf(size, sizeof size, "%zx", large.size());
  expect_refused(HttpCaller(world_).raw("POST /v1/sign/payments/a HTTP/1.1\r\nTransfer-Encoding: "
                                        "chunked\r\n\r\n" +
                                        std::string(size) + "\r\n" + large + "\r\n0\r\n\r\n"),
                 413, "body_too_large");
  std::string fits = json({{"message", b64("pay")}}).dump();
  fits.resize(kMaxBody, ' ');
  EXPECT_EQ(HttpCaller(world_).call("POST", "/v1/sign/payments/a", fits).status, 200u);
  const auto with_header_of = [&](std::size_t bytes) {
    const std::string head = "GET /v1/openapi.json HTTP/1.1\r\nX-Padding: ", end = "\r\n\r\n";
    const std::size_t padding = bytes - head.size() - end.size();
    return HttpCaller(world_).raw(head + std::string(padding, 'x') + end);
  };
  EXPECT_EQ(with_header_of(kMaxHeader).status, 200u);
  expect_refused(with_header_of(kMaxHeader + 1), 431, "header_too_large");
}

TEST_F(AgentHttp, TakesChunkedBodiesAndExpectations) {
  EXPECT_EQ(HttpCaller(world_)
                .raw("POST /v1/random/payments/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\n{\"siz\r\n6\r\ne\": 8}\r\n0\r\n\r\n")
                .bytes("bytes")
                .size(),
            8u);
  HttpCaller caller(world_);
  caller.begin(
      "POST /v1/random/payments/a HTTP/1.1\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 100u);
  EXPECT_EQ(caller.raw("{\"size\": 8}").status, 400u) << "ten bytes of it";
}

TEST_F(AgentHttp, OneConnectionServesManyRequests) {
  HttpCaller caller(world_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(caller.get("/v1/keys/payments/a").status, 200u);
    EXPECT_EQ(caller.get("/v1/keys/reports/daily").status, 403u) << "a refusal does not end it";
    EXPECT_EQ(caller.post("/v1/random/payments/a", {{"size", 8}}).status, 200u);
  }
  // Two requests at once are answered in turn.
  const std::string twice = "GET /v1/health HTTP/1.1\r\n\r\n";
  EXPECT_EQ(caller.raw(twice + twice).status, 200u);
  caller.receive();
  world_.run_until([&] { return caller.received(); });
  EXPECT_EQ(caller.finish().status, 200u);
}

TEST_F(AgentHttp, RepeatsAHarmlessRequestId) {
  EXPECT_EQ(get("/v1/health", "X-Request-Id: order-7.a_B\r\n").request_id, "order-7.a_B");
  for (const std::string& id : {std::string("a b"), std::string("<x>"), std::string(65, 'a')}) {
    const Reply reply = get("/v1/health", "X-Request-Id: " + id + "\r\n");
    EXPECT_NE(reply.request_id, id);
    EXPECT_EQ(reply.request_id.size(), 24u);
  }
}

TEST_F(AgentHttp, DocumentsHoldTheCallersBytes) {
  const Reply reply = get("/v1/attestation?nonce=0011&user_data=cafe");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const std::string document = reply.bytes("document");
  EXPECT_NE(document.find("concordat/application/1"), std::string::npos);
  EXPECT_NE(document.find("\xca\xfe"), std::string::npos);
  expect_refused(get("/v1/attestation?public_key=00"), 400, "malformed_request", "public_key");
  expect_refused(get("/v1/attestation?nonce=0"), 400, "malformed_request", "nonce");
}

TEST_F(AgentHttp, MoreConnectionsThanAllowedAreNotServed) {
  std::vector<std::unique_ptr<HttpCaller>> callers;
  for (std::size_t i = 0; i < kMaxConnections; ++i) {
    callers.push_back(std::make_unique<HttpCaller>(world_));
    EXPECT_EQ(callers.back()->get("/v1/openapi.json").status, 200u);
  }
  EXPECT_EQ(get("/v1/openapi.json").status, 0u);
  callers.pop_back();
  // The place is free once the agent has seen the end.
  world_.run_until([&] { return get("/v1/openapi.json").status == 200u; });
}

TEST_F(AgentHttp, OnTcpAForeignHostIsRefused) {
  auto listener = peer::Listener::open(world_.io, peer::TcpEndpoint{"127.0.0.1", 0}).value();
  const auto port = std::get<peer::TcpEndpoint>(listener->local()).port;
  world_.agent->serve(std::move(listener));
  const auto ask = [&](const std::string& host) {
    namespace asio = boost::asio;
    asio::ip::tcp::socket socket(world_.io);
    socket.connect({asio::ip::make_address("127.0.0.1"), port});
    const std::string request = "GET /v1/openapi.json HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    asio::write(socket, asio::buffer(request));
    boost::beast::flat_buffer buffer;
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    bool read = false;
    boost::beast::http::async_read(socket, buffer, parser,
                                   [&](boost::system::error_code, std::size_t) { read = true; });
    world_.run_until([&] { return read; });
    return parser.get().result_int();
  };
  EXPECT_EQ(ask("localhost"), 200u);
  EXPECT_EQ(ask("127.0.0.1:" + std::to_string(port)), 200u);
  EXPECT_EQ(ask("evil.example"), 403u);
  EXPECT_EQ(ask("localhost.evil.example"), 403u);
  EXPECT_EQ(ask("localhost\r\nOrigin: https://evil.example"), 403u) << "a page in a browser";
}

TEST(AgentStatus, OfCodes) {
  EXPECT_EQ(status_of("key_disabled"), 409u);
  EXPECT_EQ(status_of("key_destroyed"), 409u);
  EXPECT_EQ(status_of("use_limit_reached"), 429u);
  EXPECT_EQ(status_of("overloaded"), 429u);
  EXPECT_EQ(status_of("freshness_too_old"), 503u);
  EXPECT_EQ(status_of("policy_expired"), 503u);
  EXPECT_EQ(status_of("timed_out"), 504u);
  EXPECT_EQ(status_of("key_unknown"), 404u);
  EXPECT_EQ(status_of("something_new"), 502u);
}

}  // namespace
}  // namespace concordat::keyservice::agent
