// What all connections of one agent share: its parts, released keys, who waits for readiness, what
// the NSM last said of this enclave.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>

#include "keyservice/agent/agent_server_io.hpp"
#include "keyservice/agent/health.hpp"
#include "keyservice/agent/released_keys.hpp"

namespace concordat::keyservice {

struct AgentServer::State : std::enable_shared_from_this<AgentServer::State> {
  explicit State(AgentParts agent_parts);

  // The key, where it is kept and may be given out under the policy in force; nullptr otherwise.
  [[nodiscard]] const ReleasedKey* cached(const std::string& name, std::uint32_t version);
  // not_ready: it expired on its way.
  [[nodiscard]] base::Status keep(const std::string& name, std::uint32_t version,
                                  const ReleasedKey& key, std::uint64_t epoch);
  void wipe_keys();

  [[nodiscard]] agent::Facts facts();
  [[nodiscard]] bool ready() { return agent::ready(facts()); }
  // Asks the NSM for a document of this enclave, to be looked at and dropped, unless it did lately.
  void check_enclave();

  // `done` runs once: when the agent is ready, when the time is over, when it stops, or by
  // end_wait. Returns the wait's name, nothing where `done` ran already. overloaded: too many wait.
  [[nodiscard]] base::Result<std::optional<std::uint64_t>> wait_for_ready(
      std::chrono::seconds time, std::function<void()> done);
  void end_wait(std::uint64_t id);
  // Something changed that readiness depends on.
  void look_at_readiness();
  void stop();

  AgentParts parts;
  agent::ReleasedKeys keys;
  std::vector<std::string> socket_paths;
  std::size_t connections = 0;
  std::size_t streams = 0;
  bool stopped = false;

 private:
  struct Waiter {
    boost::asio::steady_timer timer;
    std::function<void()> done;
  };
  void arm_expiry();

  boost::asio::steady_timer expiry_;
  std::map<std::uint64_t, Waiter> waiters_;
  std::uint64_t next_waiter_ = 0;
  base::Result<agent::NsmFacts> nsm_;
  std::optional<base::MonotonicMillis> asked_nsm_;
};

}  // namespace concordat::keyservice
