// The worker agent's HTTP/JSON API for the application beside it, on a Unix socket and, where its
// program is told to, on TCP loopback. keyservice/agent.openapi.json describes it.
//
// Requests and responses that carry secrets pass through guarded memory only. Released keys are
// kept until they expire (released_keys.hpp). One io_context, one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "attest/base/log.hpp"
#include "keyservice/agent/limits.hpp"
#include "keyservice/custodian_link_io.hpp"

namespace concordat::keyservice {

// What the agent is put together from; references outlive it.
struct AgentParts {
  boost::asio::io_context& io;
  peer::Party& party;
  peer::NsmWorker& nsm;
  CustodianLink& link;
  base::Logger& log;
  // When the clock was last read from the NSM; empty: health does not say.
  std::function<std::optional<base::MonotonicMillis>()> anchored_at{};
  std::string version{};  // of the program
  std::chrono::milliseconds patience = agent::kIdle;
  // The effective user of the application that was started beside the agent; nullopt, and empty:
  // none was.
  std::function<std::optional<base::Result<unsigned>>()> application_user{};
};

class AgentServer {
 public:
  explicit AgentServer(AgentParts parts);
  ~AgentServer();

  // Any number of listeners. On TCP, requests must name this machine as their host, so that no
  // browser's page reaches the agent under a name of its own.
  void serve(std::unique_ptr<peer::Listener> listener);
  void stop();

  // As the link's: released keys are wiped, and whoever waits for readiness is told.
  void policy_changed();
  void policy_lapsed();
  void policy_usable();
  [[nodiscard]] std::size_t cached_keys() const noexcept;

  struct State;

 private:
  std::shared_ptr<State> state_;
  std::vector<std::unique_ptr<peer::Listener>> listeners_;
};

}  // namespace concordat::keyservice
