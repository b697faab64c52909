// An application beside the agent, on the test's own io_context.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include "tests/agent/agent_world.hpp"

namespace concordat::test {

struct Reply {
  unsigned status = 0;  // 0: none came
  std::string body;
  std::string request_id;
  bool whole = false;  // the body came to its end

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  [[nodiscard]] std::string code() const {
    const auto parsed = json();
    return parsed.contains("error") ? parsed["error"]["code"].get<std::string>() : "";
  }
  [[nodiscard]] std::string message() const { return json()["error"]["message"]; }
  // A member that is base64.
  [[nodiscard]] std::string bytes(const char* member) const {
    return std::string(
        base::as_text(base::from_base64(json().at(member).get<std::string>()).value()));
  }
};

inline std::string b64(std::string_view bytes) {
  return base::to_base64(base::as_bytes(bytes));
}

// One connection.
class HttpCaller {
 public:
  explicit HttpCaller(AgentWorld& world) : world_(world), socket_(world.io) {
    socket_.connect(boost::asio::local::stream_protocol::endpoint(world.socket()));
  }

  Reply call(const std::string& method, const std::string& target, const std::string& body = {},
             const std::string& fields = {}) {
    return raw(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
               (method == "POST" ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : "") +
               "\r\n" + body);
  }
  Reply get(const std::string& target, const std::string& fields = {}) {
    return call("GET", target, {}, fields);
  }
  Reply post(const std::string& target, const nlohmann::json& body) {
    return call("POST", target, body.dump());
  }

  // Sends and receives at the same time; ends early with what came before a break.
  Reply raw(const std::string& request) {
    begin(request);
    world_.run_until([this] { return received_; });
    return finish();
  }
  // The same in two steps. The request is given in pieces; an agent that answers before it read all
  // is no error.
  void begin(std::string request) {
    outgoing_ = std::move(request);
    received_ = sent_ = false;
    boost::asio::async_write(socket_, boost::asio::buffer(outgoing_),
                             [this](boost::system::error_code, std::size_t) { sent_ = true; });
    receive();
  }
  void receive() {
    received_ = false;
    parser_.emplace();
    parser_->body_limit(boost::none);
    namespace http = boost::beast::http;
    http::async_read(socket_, buffer_, *parser_,
                     [this](boost::system::error_code, std::size_t) { received_ = true; });
  }
  [[nodiscard]] bool received() const { return received_; }
  [[nodiscard]] bool sent() const { return sent_; }
  Reply finish() {
    Reply reply;
    if (!parser_->is_header_done()) return reply;
    const auto& response = parser_->get();
    const auto id = response["X-Request-Id"];
    return {response.result_int(), response.body(), {id.data(), id.size()}, parser_->is_done()};
  }
  // Whether the agent ended the connection.
  bool ended() {
    bool over = false;
    char byte = 0;
    boost::system::error_code why;
    boost::asio::async_read(socket_, boost::asio::buffer(&byte, 1),
                            [&](boost::system::error_code error, std::size_t) {
                              over = true;
                              why = error;
                            });
    world_.run_until([&] { return over; });
    return static_cast<bool>(why);
  }
  boost::asio::local::stream_protocol::socket& socket() { return socket_; }

 private:
  AgentWorld& world_;
  boost::asio::local::stream_protocol::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::response_parser<boost::beast::http::string_body>> parser_;
  std::string outgoing_;
  bool received_ = false;
  bool sent_ = false;
};

}  // namespace concordat::test
