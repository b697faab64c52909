// One HTTP connection to the agent, blocking, with deadlines. Bodies are sent from where they are
// and received into guarded memory, through a receive buffer that is guarded, too.
#pragma once

#include <memory>

#include "client/exchange.hpp"
#include "peer/endpoint.hpp"

namespace concordat::client {

using Deadline = std::chrono::steady_clock::time_point;

class Connection {
 public:
  // agent_unreachable, timed_out.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const peer::Endpoint& endpoint,
                                                                Deadline deadline);
  ~Connection();

  // interrupted, timed_out, malformed_response.
  [[nodiscard]] Result<Answer> exchange(const Order& order, const std::string& request_id,
                                        Deadline deadline);
  // Sends what `source` gives while `sink` takes what comes. An answer other than 200 is the
  // agent's error, and the sink gets nothing of it.
  [[nodiscard]] Status stream(const std::string& target, const std::string& request_id,
                              const Source& source, const Sink& sink,
                              std::chrono::milliseconds patience);
  // Whether it can take another request: asked before each, because the agent ends idle ones.
  [[nodiscard]] bool usable();

 private:
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace concordat::client
