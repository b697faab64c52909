// What becomes of a request, without a socket: its handler, or an error with a stable code.
//
//   POST /v1/NAME     the handler of that name; body: one JSON object
//   GET  /v1/health   200 {"ready":true}, 503 {"ready":false,"reason":..}
//
// Errors are {"error":{"code","message","request_id"}}. This library's codes: not_found,
// method_not_allowed, malformed_request, header_too_large, request_too_large, not_ready,
// overloaded, timed_out, internal_error.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "application/request.hpp"

namespace concordat::application {

struct Limits {
  std::size_t header = 8 * 1024;  // bytes of the request line and fields
  std::size_t body = 64 * 1024;   // bytes of a request's body
  std::size_t concurrent = 16;    // handlers that run at once; more are overloaded
  std::size_t connections = 256;  // more are not answered
  std::chrono::milliseconds time = std::chrono::seconds(30);  // of one request
  std::chrono::milliseconds idle = std::chrono::seconds(60);  // of a connection between requests
};

struct Reply {
  unsigned status = 200;
  base::SecretBytes body{};
  std::string code{};  // of an error, for the log
};

// {"error":..} with the status; what is no status of an error is 500.
[[nodiscard]] Reply error_reply(const Error& error, std::string_view request_id);

class Router {
 public:
  explicit Router(Limits limits) : limits_(limits) {}

  // `name`: 1 to 64 of a-z 0-9 - _ , neither taken nor "health": bad_argument otherwise.
  [[nodiscard]] Status add(std::string name, Handler handler);
  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }

  // nullopt: ready. Otherwise why not, for people.
  void set_readiness(std::optional<std::string> why_not) { why_not_ready_ = std::move(why_not); }

  // A request as it begins: the handler that its body is for, or the reply at once. Handlers that
  // are found count as running until finished().
  struct Found {
    std::string name;
    const Handler* handler = nullptr;
  };
  [[nodiscard]] std::variant<Found, Reply> begin(std::string_view method, std::string_view target,
                                                 std::string_view request_id);
  void finished() noexcept { --running_; }
  [[nodiscard]] std::size_t running() const noexcept { return running_; }

 private:
  Limits limits_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::optional<std::string> why_not_ready_ = "starting";
  std::size_t running_ = 0;
};

// Runs a handler on a body. Safe on any thread. A handler that throws is internal_error, and so is
// nothing else.
[[nodiscard]] Reply run_handler(const Router::Found& found, const base::SecretBytes& body,
                                const std::string& request_id,
                                std::chrono::steady_clock::time_point deadline);

}  // namespace concordat::application
