// Data of any size through the agent: what comes out whole is what went in; what was altered or cut
// off never ends as if it were whole.
#include <gtest/gtest.h>

#include "keyservice/agent/limits.hpp"
#include "keyservice/agent/stream_format.hpp"
#include "tests/agent/http_caller.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using test::AgentWorld;
using test::HttpCaller;
using test::Reply;

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<char>(i * 7 % 251);
  return out;
}

class AgentStreams : public testing::Test {
 protected:
  void SetUp() override { world_.start(); }
  Reply stream(const std::string& way, const std::string& body, const std::string& query = {},
               const std::string& name = "payments/a") {
    return HttpCaller(world_).call("POST", "/v1/" + way + "-stream/" + name + query, body);
  }

  test::TemporaryFolder folder_;
  AgentWorld world_{folder_.path().string()};
};

TEST_F(AgentStreams, GiveBackWhatWasPutIn) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kStreamChunk, kStreamChunk + 1, 5 * kStreamChunk + 77}) {
    const Reply sealed = stream("encrypt", pattern(size), "?associated_data=ZmlsZSA3");
    ASSERT_EQ(sealed.status, 200u) << sealed.body;
    EXPECT_TRUE(sealed.whole);
    EXPECT_EQ(size > 8 ? sealed.body.find(pattern(9)) : std::string::npos, std::string::npos);
    const Reply opened = stream("decrypt", sealed.body, "?associated_data=ZmlsZSA3");
    EXPECT_EQ(opened.status, 200u) << opened.body;
    EXPECT_TRUE(opened.whole && opened.body == pattern(size)) << size;
  }
}

TEST_F(AgentStreams, HaveADataKeyOfTheirOwnEach) {
  EXPECT_NE(stream("encrypt", "same").body, stream("encrypt", "same").body);
}

TEST_F(AgentStreams, AnErrorBeforeTheFirstChunkHasAStatus) {
  const std::string sealed = stream("encrypt", "hello").body;
  const auto expect = [](const Reply& reply, unsigned status, const std::string& code) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_EQ(reply.code(), code);
  };
  expect(stream("decrypt", sealed, "?associated_data=eA"), 422, "authentication_failed");
  expect(stream("decrypt", sealed.substr(0, sealed.size() - 1)), 422, "authentication_failed");
  expect(stream("decrypt", sealed.substr(0, 30)), 422, "envelope_malformed");
  expect(stream("decrypt", ""), 422, "envelope_malformed");
  expect(stream("decrypt", "concordat-strudel"), 422, "envelope_malformed");
  expect(stream("decrypt", sealed, {}, "payments/b"), 422, "other_key");
  expect(stream("decrypt", sealed, {}, "reports/daily"), 403, "not_granted");
  expect(stream("encrypt", "x", {}, "reports/daily"), 403, "not_granted");
  expect(stream("encrypt", "x", "?associated_data=*"), 400, "malformed_request");
  expect(stream("encrypt", "x", "?associated_data=" + std::string(5464, 'A')), 413,
         "input_too_large");
}

TEST_F(AgentStreams, ACutOrAlteredOneNeverEnds) {
  const std::string plaintext = pattern(3 * kStreamChunk + 10);
  const std::string sealed = stream("encrypt", plaintext).body;
  const std::size_t header = sealed.size() - plaintext.size() - 4 * kStreamTag;
  const auto expect_broken = [&](const std::string& input, std::size_t chunks) {
    const Reply reply = stream("decrypt", input);
    EXPECT_EQ(reply.status, 200u);
    EXPECT_FALSE(reply.whole);
    EXPECT_LE(reply.body.size(), chunks * kStreamChunk);
    EXPECT_EQ(reply.body, plaintext.substr(0, reply.body.size())) << "only what is authentic";
  };
  const std::size_t whole = kStreamChunk + kStreamTag;
  expect_broken(sealed.substr(0, header + 3 * whole), 2);  // at a border
  expect_broken(sealed.substr(0, sealed.size() - 1), 3);
  std::string altered = sealed;
  altered[header + 2 * whole + 9] ^= 1;
  expect_broken(altered, 2);
  const auto chunk = [&](std::size_t i) { return sealed.substr(header + i * whole, whole); };
  expect_broken(sealed.substr(0, header) + chunk(0) + chunk(2) + chunk(1) + chunk(3), 1);
  expect_broken(sealed.substr(0, header) + chunk(0) + chunk(1) + chunk(1) + chunk(2) + chunk(3), 2);
  EXPECT_NE(world_.logged.back().find("stream_refused"), std::string::npos);
}

TEST_F(AgentStreams, NeedTheGrants) {
  const std::string sealed = stream("encrypt", "hello").body;
  world_.operations = R"("encrypt", "decrypt", "get")";
  ASSERT_TRUE(world_.worker.party.offer_policy(world_.world.envelope(2)));
  for (const char* way : {"encrypt", "decrypt"}) {
    const Reply refused = stream(way, sealed);
    EXPECT_EQ(refused.status, 403u);
    EXPECT_EQ(refused.code(), "not_granted") << refused.body;
  }
}

TEST_F(AgentStreams, AKeyOfTheKeyringIsNoDataKey) {
  // 32 bytes that are wrapped are one; anything else is not.
  const auto wrapped =
      HttpCaller(world_).post("/v1/wrap/payments/a", {{"bytes", test::b64(std::string(31, 'x'))}});
  const std::string envelope = wrapped.bytes("wrapped");
  std::string input = "concordat-stream\x01";
  input += static_cast<char>(envelope.size() >> 8);
  input += static_cast<char>(envelope.size());
  const Reply refused = stream("decrypt", input + envelope + std::string(16, 'x'));
  EXPECT_EQ(refused.code(), "envelope_malformed") << refused.body;
  const auto signature =
      HttpCaller(world_).post("/v1/sign/payments/a", {{"message", test::b64("x")}});
  const std::string other = signature.bytes("envelope");
  input.resize(17);
  input += static_cast<char>(other.size() >> 8);
  input += static_cast<char>(other.size());
  EXPECT_EQ(stream("decrypt", input + other).code(), "other_kind");
}

TEST_F(AgentStreams, TakeExpectationsAndChunks) {
  HttpCaller caller(world_);
  caller.begin(
      "POST /v1/encrypt-stream/payments/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
      "Expect: 100-continue\r\n\r\n");
  world_.run_until([&] { return caller.received(); });
  ASSERT_EQ(caller.finish().status, 100u);
  const Reply sealed = caller.raw("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
  ASSERT_EQ(sealed.status, 200u);
  EXPECT_EQ(stream("decrypt", sealed.body).body, "hello");
  EXPECT_EQ(caller.get("/v1/keys/payments/a").status, 200u) << "the connection goes on";
}

TEST_F(AgentStreams, OfOldProtocolsAreRefused) {
  const Reply reply = HttpCaller(world_).raw(
      "POST /v1/encrypt-stream/payments/a HTTP/1.0\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(reply.code(), "malformed_request") << "an end and a break would look the same";
}

// Nothing is read faster than it is taken: a caller who takes nothing stops its own sending.
TEST_F(AgentStreams, AreReadNoFasterThanTheyAreTaken) {
  HttpCaller slow(world_);
  const std::string body(64 * 1024 * 1024, 'x');
  bool sent = false;
  const std::string head = "POST /v1/encrypt-stream/payments/a HTTP/1.1\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n";
  std::size_t written = 0;
  std::function<void(std::size_t)> write = [&](std::size_t at) {
    slow.socket().async_write_some(
        boost::asio::buffer(body.data() + at, std::min<std::size_t>(65536, body.size() - at)),
        [&, at](boost::system::error_code error, std::size_t size) {
          written = at + size;
          if (error) return;
          if (written == body.size()) {
            sent = true;
            return;
          }
          write(written);
        });
  };
  boost::asio::write(slow.socket(), boost::asio::buffer(head));
  write(0);
  // Others are served meanwhile; what the slow one has got rid of stops growing.
  std::size_t before = 1;
  while (before != written || written == 0) {
    before = written;
    for (int i = 0; i < 50; ++i)
      ASSERT_EQ(HttpCaller(world_).get("/v1/keys/payments/a").status, 200u);
  }
  EXPECT_LT(written, std::size_t{4} * 1024 * 1024) << "the rest is nowhere but at its sender";
  slow.receive();
  world_.run_until([&] { return slow.received() && sent; });
  const Reply sealed = slow.finish();
  EXPECT_TRUE(sealed.whole);
  EXPECT_GT(sealed.body.size(), body.size());
}

TEST_F(AgentStreams, MoreThanAllowedAtOnceAreRefused) {
  std::vector<std::unique_ptr<HttpCaller>> callers;
  for (std::size_t i = 0; i < agent::kMaxStreams; ++i) {
    callers.push_back(std::make_unique<HttpCaller>(world_));
    callers.back()->begin(
        "POST /v1/encrypt-stream/payments/a HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    (void)HttpCaller(world_).get("/v1/health");  // the agent has it
  }
  const Reply refused = stream("encrypt", "x");
  EXPECT_EQ(refused.status, 429u) << refused.body;
  EXPECT_EQ(refused.code(), "overloaded");
  boost::asio::write(callers.back()->socket(), boost::asio::buffer("x", 1));
  world_.run_until([&] { return callers.back()->received(); });
  EXPECT_EQ(stream("encrypt", "x").status, 200u) << "a place that becomes free is taken";
}

}  // namespace
}  // namespace concordat::keyservice
