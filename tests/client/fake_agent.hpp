// An agent that says what a test wants: answers that are none, breaks, delays, refusals at a
// moment. Left alone, it gives keys and signatures that look like some. What a client does with a
// real one: real_agent.hpp.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace concordat::test {

struct AgentRequest {
  std::string method;
  std::string path;  // without its query
  std::string query;
  std::map<std::string, std::string> headers;  // lower case
  std::string body;
};

struct AgentResponse {
  unsigned status = 200;
  std::string body;
  std::string type = "application/json";
  bool chunked = false;
  // Ends the connection after so many bytes of the body, or before anything is said.
  std::optional<std::size_t> cut{};
};

AgentResponse refusal(unsigned status, const std::string& code, const std::string& message);

class FakeAgent {
 public:
  // Asked first; nullopt: as if left alone.
  using Twist = std::function<std::optional<AgentResponse>(const AgentRequest&)>;

  explicit FakeAgent(std::string socket_path, Twist twist = {});
  ~FakeAgent();
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;

  // "OPERATION NAME" of what is refused as not_granted.
  void deny(const std::string& operation_and_name);
  [[nodiscard]] std::vector<AgentRequest> requests() const;
  [[nodiscard]] std::size_t connections() const { return connections_; }
  // Ends the connections that wait for a request.
  void end_idle_connections();

 private:
  void accept();
  void serve(int fd);
  AgentResponse answer(const AgentRequest& request);
  static AgentResponse operate(const std::string& operation, const std::string& name);

  std::string path_;
  Twist twist_;
  int listener_ = -1;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::vector<AgentRequest> requests_;
  std::vector<std::string> denied_;
  std::atomic<std::size_t> connections_ = 0;
};

}  // namespace concordat::test
