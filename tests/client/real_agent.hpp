// A real agent with a real custodian behind it, on a thread of its own, for clients that block.
#pragma once

#include <thread>

#include "tests/agent/agent_world.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::test {

class RealAgent {
 public:
  RealAgent() {
    world_.create("payments/agreement", keyservice::KeyType::x25519);
    world_.create("payments/handed-over", keyservice::KeyType::aes256, true);
    auto tcp = peer::Listener::open(world_.io, peer::TcpEndpoint{"127.0.0.1", 0}).value();
    tcp_ = peer::to_string(tcp->local());
    world_.agent->serve(std::move(tcp));
    world_.start();
    world_.run_until([this] { return world_.link->connected(); });
    thread_ = std::thread([this] { world_.io.run(); });
  }
  ~RealAgent() {
    world_.io.stop();
    thread_.join();
  }
  RealAgent(const RealAgent&) = delete;
  RealAgent& operator=(const RealAgent&) = delete;

  [[nodiscard]] std::string on_unix() const { return "unix:" + world_.socket(); }
  [[nodiscard]] const std::string& on_tcp() const { return tcp_; }
  // By the clock of its world, which stands still.
  [[nodiscard]] base::UnixMillis now() const { return world_.world.wall; }

 private:
  TemporaryFolder folder_;
  AgentWorld world_{folder_.path().string()};
  std::string tcp_;
  std::thread thread_;
};

}  // namespace concordat::test
