// What a call came to when it did not come to an answer: the agent's own error word for word, or
// one of this library's, with http_status 0.
//
//   bad_argument        the call itself: a name, a size or an endpoint that cannot be
//   agent_unreachable   nobody listens at the endpoint; nothing was sent
//   timed_out           no answer within the deadline; the agent may have done it all the same
//   interrupted         the connection ended before the answer did; likewise
//   malformed_response  an answer that is none; never taken for one
//   stopped_by_caller   a source or sink of a stream said so
//
// The agent's codes are in its OpenAPI description; those that callers tell apart most often are
// not_granted, authentication_failed, not_ready, overloaded, custodian_unreachable.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace concordat::client {

struct [[nodiscard]] Error {
  Error() = default;
  Error(std::string the_code, std::string the_message, std::string id = {}, unsigned status = 0)
      : code(std::move(the_code)),
        message(std::move(the_message)),
        request_id(std::move(id)),
        http_status(status) {}

  std::string code;        // stable, snake_case
  std::string message;     // one line, for people; holds no secret
  std::string request_id;  // of the agent's answer; empty where there was none
  unsigned http_status = 0;

  [[nodiscard]] bool is(std::string_view wanted) const noexcept { return code == wanted; }
  // "code: message (request ID)", one line.
  [[nodiscard]] std::string to_string() const;
};

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

// Found by argument-dependent lookup when value() is called on a failure: a programming error,
// since every caller checks first.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::logic_error("unchecked Result: " + error.to_string());
}

}  // namespace concordat::client
