// An application as its callers see it, with an agent beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <semaphore>
#include <thread>

#include "application/application.hpp"
#include "attest/base/descriptor.hpp"
#include "attest/base/secret_access.hpp"
#include "peer/socket_address.hpp"
#include "tests/client/fake_agent.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::application {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class AnApplication : public testing::Test {
 protected:
  ~AnApplication() override { stop(); }

  std::string path(const char* name) const { return folder_.path() / name; }

  // With handlers `echo`, `key` and, until let go, `wait`.
  void start(Limits limits = {}) {
    app_ =
        std::make_unique<Application>(Options{.listen = "unix:" + path("app.sock"),
                                              .agent = {.endpoint = "unix:" + path("agent.sock")},
                                              .limits = limits});
    app_->handle("echo", [](const Request& request) -> Result<JsonWriter> {
      auto text = request.members.secret_text("say");
      if (!text) return malformed_request(text.error());
      JsonWriter out;
      out.text("said", *text);
      return out;
    });
    app_->handle("key", [this](const Request& request) -> Result<JsonWriter> {
      const auto key = app_->agent().get_key("a/b", 0, request.call());
      if (!key) return key.error();
      JsonWriter out;
      out.number("size", key->key.size());
      return out;
    });
    app_->handle("wait", [this](const Request&) -> Result<JsonWriter> {
      waiting_.release();
      let_go_.get_future().wait();
      return JsonWriter();
    });
    thread_ = std::thread([this] { status_ = app_->run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    app_->stop();
    thread_.join();
  }
  void serve_agent() { agent_ = std::make_unique<test::FakeAgent>(path("agent.sock")); }
  void start_ready(Limits limits = {}) {
    serve_agent();
    start(limits);
    while (!ask("GET", "/v1/health", "").starts_with("HTTP/1.1 200"))
      std::this_thread::yield();
  }

  base::Descriptor connect() const {
    const auto address = peer::address_of(peer::UnixEndpoint{path("app.sock")}).value();
    for (;;) {
      base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(socket.get(), address.data(), static_cast<socklen_t>(address.size())) == 0)
        return socket;
      std::this_thread::yield();  // it has not begun to listen
    }
  }
  static void send(const base::Descriptor& socket, std::string_view bytes) {
    EXPECT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Until the other side ends it.
  static std::string receive(const base::Descriptor& socket) {
    std::string out;
    char part[4096];
    for (ssize_t n = 0; (n = ::recv(socket.get(), part, sizeof part, 0)) > 0;)
      out.append(part, static_cast<std::size_t>(n));
    return out;
  }
  static std::string request(const std::string& method, const std::string& target,
                             const std::string& body, const std::string& headers = "") {
    return method + " " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::string ask(const std::string& method, const std::string& target, const std::string& body,
                  const std::string& headers = "") const {
    const auto socket = connect();
    send(socket, request(method, target, body, headers));
    return receive(socket);
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<test::FakeAgent> agent_;
  std::unique_ptr<Application> app_;
  std::thread thread_;
  std::atomic<int> status_ = -1;
  std::counting_semaphore<8> waiting_{0};
  std::promise<void> let_go_;
};

TEST_F(AnApplication, AnswersByName) {
  start_ready();
  const std::string answer =
      ask("POST", "/v1/echo", R"({"say":"hello"})", "X-Request-Id: order-17\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Request-Id: order-17\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n{\"said\":\"hello\"}\n"));
  EXPECT_THAT(ask("POST", "/v1/nothing", "{}"), StartsWith("HTTP/1.1 404"));
}

TEST_F(AnApplication, TakesOneRequestAfterAnotherOnOneConnection) {
  start_ready();
  const auto socket = connect();
  // Both at once: the second lies in the receive buffer while the first is worked on.
  send(socket,
       "POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
       "9\r\n{\"say\":\"1\r\n2\r\n\"}\r\n0\r\n\r\n" +
           request("POST", "/v1/echo", R"({"say":"2"})"));
  const std::string answers = receive(socket);
  EXPECT_THAT(answers, HasSubstr("{\"said\":\"1\"}"));
  EXPECT_THAT(answers, HasSubstr("{\"said\":\"2\"}"));
}

TEST_F(AnApplication, HasItsAgentAtHand) {
  start_ready();
  EXPECT_THAT(ask("POST", "/v1/key", "{}", "X-Request-Id: order-18\r\n"),
              HasSubstr("{\"size\":32}"));
  EXPECT_EQ(agent_->requests().back().headers["x-request-id"], "order-18");
  agent_->deny("keys a/b");
  const std::string refused = ask("POST", "/v1/key", "{}");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(refused, HasSubstr("\"code\":\"not_granted\""));
}

TEST_F(AnApplication, IsNotReadyBeforeItsAgentIs) {
  start();
  EXPECT_THAT(ask("GET", "/v1/health", ""), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(ask("POST", "/v1/echo", R"({"say":"x"})"), HasSubstr("\"code\":\"not_ready\""));
  serve_agent();
  while (!ask("GET", "/v1/health", "").starts_with("HTTP/1.1 200"))
    std::this_thread::yield();
  EXPECT_THAT(ask("POST", "/v1/echo", R"({"say":"x"})"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AnApplication, TakesNoBodyLargerThanItsLimit) {
  start_ready({.body = 100});
  const std::string fits = R"({"say":")" + std::string(90, 'x') + "\"}";
  ASSERT_EQ(fits.size(), 100U);
  EXPECT_THAT(ask("POST", "/v1/echo", fits), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("POST", "/v1/echo", fits + " "), StartsWith("HTTP/1.1 413"));
  const auto chunked = [&](const std::string& body) {
    const auto socket = connect();
    char size[16];
    std::snprintf(size, sizeof size, "%zx", body.size());
    send(socket,
         "POST /v1/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
         "Transfer-Encoding: chunked\r\n\r\n" +
             std::string(size) + "\r\n" + body + "\r\n0\r\n\r\n");
    return receive(socket);
  };
  EXPECT_THAT(chunked(fits), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(chunked(fits + " "), StartsWith("HTTP/1.1 413"));
}

TEST_F(AnApplication, TakesNoHeaderLargerThanItsLimit) {
  start_ready({.header = 300});
  const auto with_header_of = [&](std::size_t size) {
    const std::string head =
        "POST /v1/echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 11\r\n";
    const std::string end = "\r\n\r\n", body = R"({"say":"x"})", field = "X-Padding: ";
    const auto socket = connect();
    const std::size_t padding = size - head.size() - field.size() - end.size();
    send(socket, head + field + std::string(padding, 'x') + end + body);
    return receive(socket);
  };
  EXPECT_THAT(with_header_of(300), StartsWith("HTTP/1.1 200"));
  const std::string refused = with_header_of(301);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(refused, HasSubstr("\"code\":\"header_too_large\""));
  EXPECT_THAT(with_header_of(3'000), StartsWith("HTTP/1.1 431"));
}

TEST_F(AnApplication, ServesNoMoreConnectionsThanItsLimit) {
  start_ready({.connections = 2, .idle = std::chrono::hours(1)});
  const auto is_served = [](const base::Descriptor& socket) {
    const std::string_view asked = "GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n";
    char part[4096];
    return ::send(socket.get(), asked.data(), asked.size(), MSG_NOSIGNAL) > 0 &&
           ::recv(socket.get(), part, sizeof part, 0) > 0;
  };
  std::vector<base::Descriptor> held;
  while (held.size() < 2) {
    // Whoever asked for readiness may not be gone yet.
    auto socket = connect();
    if (is_served(socket)) held.push_back(std::move(socket));
  }
  EXPECT_EQ(receive(connect()), "");
  EXPECT_TRUE(is_served(held[0])) << "those that are served stay";
  held.pop_back();
  while (!is_served(connect()))
    std::this_thread::yield();
}

TEST_F(AnApplication, WorksOnNoMoreAtOnceThanItsLimit) {
  start_ready({.concurrent = 1});
  const auto first = connect();
  send(first, request("POST", "/v1/wait", "{}"));
  waiting_.acquire();
  EXPECT_THAT(ask("POST", "/v1/echo", R"({"say":"x"})"), HasSubstr("\"code\":\"overloaded\""));
  let_go_.set_value();
  EXPECT_THAT(receive(first), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("POST", "/v1/echo", R"({"say":"x"})"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AnApplication, AnswersWhenAHandlerTakesTooLong) {
  start_ready({.time = std::chrono::milliseconds(200)});
  const std::string late = ask("POST", "/v1/wait", "{}");
  EXPECT_THAT(late, StartsWith("HTTP/1.1 504"));
  EXPECT_THAT(late, HasSubstr("\"code\":\"timed_out\""));
  let_go_.set_value();
}

TEST_F(AnApplication, LeavesWhoSendsNothing) {
  start_ready({.idle = std::chrono::milliseconds(200)});
  const auto silent = connect();
  EXPECT_EQ(receive(silent), "");
  const auto half = connect();
  send(half, "POST /v1/echo HTTP/1.1\r\nHo");
  EXPECT_EQ(receive(half), "");
}

TEST_F(AnApplication, EndsWhenAskedAndRemovesItsSocket) {
  start_ready();
  const auto open = connect();
  stop();
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(receive(open), "");
  EXPECT_FALSE(std::filesystem::exists(path("app.sock")));
}

TEST_F(AnApplication, DoesNotBeginWithABadSocketOrName) {
  Application nowhere({.listen = "unix:" + path("no/such/folder")});
  EXPECT_EQ(nowhere.run(), 1);
  Application no_endpoint({.listen = "here"});
  EXPECT_EQ(no_endpoint.run(), 1);
  Application twice({.listen = "unix:" + path("twice.sock")});
  for (int i = 0; i < 2; ++i)
    twice.handle("a", [](const Request&) { return Result<JsonWriter>(JsonWriter()); });
  EXPECT_EQ(twice.run(), 1);
}

}  // namespace
}  // namespace concordat::application
