// One request to the agent and its answer, without a socket: what is asked, what may be asked
// again, and what an answer says.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "attest/base/json_writer.hpp"
#include "client/agent.hpp"
#include "client/json_fields.hpp"

namespace concordat::client {

// A guard against nonsense, over the largest answer (a plaintext of 32 KiB in base64).
inline constexpr std::size_t kMaxAnswer = 256 * 1024;

enum class Repeat { unless_sent, always };

struct Order {
  const char* method = "GET";
  std::string target;  // path and query
  base::SecretBytes body{};
  Repeat repeat = Repeat::always;
};

struct Answer {
  unsigned status = 0;
  std::string request_id;
  base::SecretBytes body;
};

// "/v1/OPERATION/NAME", the name's characters escaped where a path needs it (slashes stay).
// bad_argument for a name that is empty or longer than any can be.
[[nodiscard]] Result<std::string> target_of(std::string_view operation, std::string_view name);
// "?name=value" or "&name=value", as the target has a query or not. Values are plain.
void add_parameter(std::string& target, std::string_view name, std::string_view value);
// RFC 4648 section 5 without padding, for queries.
[[nodiscard]] std::string to_base64_url(base::BytesView bytes);

// What an answer other than 2xx says; malformed_response where it says nothing.
[[nodiscard]] Error error_of(const Answer& answer);
// A member that is missing or wrong makes the whole answer none.
[[nodiscard]] Error malformed_response(const Error& why, const Answer& answer);
// Whether the same order may be sent again after `why`.
[[nodiscard]] bool may_repeat(const Order& order, const Error& why) noexcept;

}  // namespace concordat::client
