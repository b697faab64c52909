// What the agent answers: status, and a body that is public text or guarded bytes. No I/O.
#pragma once

#include "keyservice/agent/call.hpp"

namespace concordat::keyservice::agent {

struct Answer {
  unsigned status = 200;
  std::string text;          // where it holds no secret
  base::SecretBytes secret;  // otherwise
  const char* type = "application/json";
  std::string allow{};  // the path's method, where that is what is wrong (RFC 9110 section 15.5.6)
};

// The HTTP status of an error, by its stable name.
[[nodiscard]] unsigned status_of(std::string_view code) noexcept;
[[nodiscard]] Answer refusal(std::string_view code, std::string_view message,
                             std::string_view request_id);
[[nodiscard]] Answer refusal(const base::Error& error, std::string_view request_id);

// `bare`: of a released key the bytes alone.
[[nodiscard]] Answer released(const std::string& name, const ReleasedKey& key, bool bare);
// What the custodian said of `target`; its failure, or malformed_response, is an answer, too.
[[nodiscard]] Answer answer_of(const Target& target, const ResponseBody& body, bool bare,
                               std::string_view request_id);

}  // namespace concordat::keyservice::agent
