// What a handler of an application is given and what it gives back.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "attest/base/json_writer.hpp"
#include "client/agent.hpp"
#include "client/json_fields.hpp"

namespace concordat::application {

using base::JsonWriter;
using client::Error;
using client::JsonFields;
using client::Result;
using client::Status;

struct Request {
  std::string operation;      // the handler's name
  std::string id;             // the caller's X-Request-Id where it is one, otherwise a fresh one
  const JsonFields& members;  // of the JSON object that was sent; in guarded memory
  std::chrono::steady_clock::time_point deadline;

  // For calls to the agent on behalf of this request: under its id, within its time.
  [[nodiscard]] client::Call call() const;
};

// Called on one of `Limits::concurrent` threads, so handlers of one application run at the same
// time. What it takes from the agent's errors goes to the caller as it is: code, message, status.
using Handler = std::function<Result<JsonWriter>(const Request&)>;

// A refusal of the handler's own. `code` is part of the application's interface: stable,
// snake_case; `message` is for people and holds nothing secret.
[[nodiscard]] Error refuse(std::string code, std::string message, unsigned http_status = 422);
// A member that is missing or wrong (JsonFields), as the caller's mistake.
[[nodiscard]] Error malformed_request(const Error& why);

}  // namespace concordat::application
