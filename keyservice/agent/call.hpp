// What a caller of the agent's API asks for, read from method, target and body. The table of routes
// is the whole API; agent.openapi.json describes it, and a test holds the two together. No I/O.
#pragma once

#include <span>

#include "keyservice/agent/limits.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice::agent {

enum class ApiErrc {
  not_found = 1,
  method_not_allowed,
  header_too_large,
  body_too_large,
  foreign_host,
};
[[nodiscard]] base::CodeInfo describe(ApiErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ApiErrc) {
  return "agent";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ApiErrc e) {
  return base::enum_code(e);
}

enum class Action {
  get,
  sign,
  verify,
  encrypt,
  decrypt,
  wrap,
  unwrap,
  mac,
  derive,
  random,
  public_key,
  encrypt_stream,
  decrypt_stream,
  attestation,
  health,
  wait_for_ready,
  description,
};
struct Route {
  Action action;
  std::string_view method;
  std::string_view path;  // a path that ends with '/' has a key's name behind it
};
[[nodiscard]] std::span<const Route> routes() noexcept;

// A request's first line.
struct Target {
  Action action = Action::health;
  std::string name;  // of the key, where the path has one: a valid name
  std::uint32_t version = 0;
  base::Bytes associated;
  std::optional<base::Bytes> nonce, user_data;
  std::size_t timeout_seconds = kDefaultReadyWaitSeconds;

  [[nodiscard]] bool streams() const noexcept {
    return action == Action::encrypt_stream || action == Action::decrypt_stream;
  }
};
// not_found, method_not_allowed, bad_key_name, not_granted, malformed_request (by the parameter's
// name), message_too_large.
[[nodiscard]] base::Result<Target> parse_target(std::string_view method, std::string_view target);

// What the custodian is asked for an operation with a key. `body`: the JSON, in guarded memory.
// malformed_request, input_too_large, bad_output_size, each by the member's name.
[[nodiscard]] base::Result<RequestBody> parse_body(const Target& target, base::BytesView body);

}  // namespace concordat::keyservice::agent
