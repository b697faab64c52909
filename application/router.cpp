#include "application/router.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace concordat::application {
namespace {

constexpr std::string_view kPrefix = "/v1/";
constexpr std::string_view kHealth = "health";
constexpr std::size_t kMaxName = 64;

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

}  // namespace

client::Call Request::call() const {
  const auto left = deadline - std::chrono::steady_clock::now();
  return {std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                   std::chrono::milliseconds(0)),
          id};
}

Error refuse(std::string code, std::string message, unsigned http_status) {
  return {std::move(code), std::move(message), {}, http_status};
}
Error malformed_request(const Error& why) {
  return refuse("malformed_request", why.message, 400);
}

Reply error_reply(const Error& error, std::string_view request_id) {
  const unsigned status = error.http_status >= 400 && error.http_status < 600 ? error.http_status
                          : error.is("agent_unreachable")                     ? 503
                          : error.is("timed_out")                             ? 504
                                                                              : 500;
  JsonWriter inner;
  inner.text("code", error.code).text("message", error.message).text("request_id", request_id);
  return {status, std::move(JsonWriter().object("error", std::move(inner))).finish(), error.code};
}

Status Router::add(std::string name, Handler handler) {
  if (!is_name(name) || name == kHealth || handlers_.contains(name) || !handler) {
    return Error("bad_argument", "handler '" + name +
                                     "': a name has 1 to 64 of a-z 0-9 - _, is not 'health' and "
                                     "is given once");
  }
  handlers_.emplace(std::move(name), std::move(handler));
  return {};
}

std::variant<Router::Found, Reply> Router::begin(std::string_view method, std::string_view target,
                                                 std::string_view request_id) {
  const auto refused = [&](const char* code, const char* message, unsigned status) {
    return error_reply(refuse(code, message, status), request_id);
  };
  const std::string_view name = target.starts_with(kPrefix) ? target.substr(kPrefix.size()) : "";
  if (name == kHealth) {
    if (method != "GET") return refused("method_not_allowed", "GET is needed here", 405);
    JsonWriter body;
    body.flag("ready", !why_not_ready_);
    if (why_not_ready_) body.text("reason", *why_not_ready_);
    return Reply{why_not_ready_ ? 503U : 200U, std::move(body).finish()};
  }
  const auto found = handlers_.find(name);
  if (found == handlers_.end()) return refused("not_found", "no such operation", 404);
  if (method != "POST") return refused("method_not_allowed", "POST is needed here", 405);
  if (why_not_ready_) return refused("not_ready", why_not_ready_->c_str(), 503);
  if (running_ >= limits_.concurrent) {
    return refused("overloaded", "as many requests as are allowed are being worked on", 503);
  }
  ++running_;
  return Found{found->first, &found->second};
}

Reply run_handler(const Router::Found& found, const base::SecretBytes& body,
                  const std::string& request_id, std::chrono::steady_clock::time_point deadline) {
  const auto members = JsonFields::parse(body);
  if (!members) return error_reply(malformed_request(members.error()), request_id);
  try {
    auto result = (*found.handler)(Request{found.name, request_id, *members, deadline});
    if (!result) return error_reply(result.error(), request_id);
    return {200, std::move(*result).finish()};
  } catch (const std::exception&) {
    // What it says may hold anything: it goes nowhere.
    return error_reply(refuse("internal_error", "the handler failed", 500), request_id);
  }
}

}  // namespace concordat::application
