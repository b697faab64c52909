// A relay on a thread of its own, and plain blocking sockets around it. Every read gives up after a
// time that only a broken relay reaches.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "attest/base/descriptor.hpp"
#include "attest/base/log.hpp"
#include "peer/relay/relay_io.hpp"
#include "peer/socket_address.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::test {

// A connected blocking stream socket.
class Wire {
 public:
  Wire() = default;
  explicit Wire(int fd);
  static Wire connect(const peer::Endpoint& endpoint);

  [[nodiscard]] int fd() const { return fd_.get(); }
  void write(base::BytesView bytes) const;
  // Exactly that many; fewer at the end of the stream.
  [[nodiscard]] base::Bytes read(std::size_t size) const;
  [[nodiscard]] base::Bytes read_to_end() const;
  [[nodiscard]] peer::Preface read_preface() const;
  void end_writing() const { ::shutdown(fd(), SHUT_WR); }
  void close() { fd_.reset(); }

 private:
  base::Descriptor fd_;
};

// A listening socket whose connections the test takes one by one.
class Target {
 public:
  explicit Target(const peer::Endpoint& endpoint);
  [[nodiscard]] const peer::Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] Wire accept() const;

 private:
  peer::Endpoint endpoint_;
  base::Descriptor fd_;
};

base::Bytes random_bytes(std::size_t size);
inline base::Bytes text(std::string_view t) {
  return base::to_bytes(base::as_bytes(t));
}

// An io_context with its thread.
class IoThread {
 public:
  IoThread() : work_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~IoThread() { join(); }
  void join() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  boost::asio::io_context& io() { return io_; }

  // Runs `f` there and returns what it returned.
  template <class F>
  auto call(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

class SocketFolder : public TemporaryFolder {
 public:
  [[nodiscard]] peer::Endpoint socket(const std::string& name) const {
    return peer::UnixEndpoint{(path() / name).string()};
  }
};

class RelayTest : public ::testing::Test {
 protected:
  RelayTest();
  ~RelayTest() override;

  // Starts a relay that knows one caller, enclave/worker-1, on one socket. Routes are looked up in
  // `routes_` by the target's text.
  void start(const peer::relay::Limits& limits = {},
             peer::relay::CarrierMode mode = peer::relay::CarrierMode::automatic);
  void route(const std::string& target, peer::relay::Route::Kind kind,
             const peer::Endpoint& endpoint);

  // A connection to the relay that named `target`; its answer is still to be read.
  [[nodiscard]] Wire ask(const std::string& target) const;
  // The same after the answer, which must be ok.
  [[nodiscard]] Wire open(const std::string& target) const;
  [[nodiscard]] peer::relay::Snapshot snapshot();
  [[nodiscard]] peer::relay::CallerCounters counters(const std::string& who = "enclave/worker-1");
  // Asks for the counters until `holds` does; false when it does not for a long time.
  [[nodiscard]] bool eventually(
      const std::function<bool(const peer::relay::CallerCounters&)>& holds);

  SocketFolder folder_;
  base::Logger log_{"test", [](std::string_view) {}};
  std::mutex mutex_;
  std::map<std::string, peer::relay::Route> routes_;
  std::optional<peer::Source> caller_ = peer::Source{"enclave/worker-1"};
  peer::Endpoint front_ = folder_.socket("relay.sock");
  IoThread thread_;
  std::unique_ptr<peer::relay::Relay> relay_;
};

}  // namespace concordat::test
