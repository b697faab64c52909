// Whoever sends a byte now and then loses its place.
#include <gtest/gtest.h>

#include "tests/agent/http_caller.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using boost::system::error_code;

// Sends `head`, then one byte of a body without end every few milliseconds.
class Trickle {
 public:
  Trickle(test::AgentWorld& world, const std::string& head)
      : socket_(world.io), timer_(world.io), head_(head) {
    socket_.connect(boost::asio::local::stream_protocol::endpoint(world.socket()));
    boost::asio::write(socket_, boost::asio::buffer(head_));
    again();
  }
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  void again() {
    timer_.expires_after(std::chrono::milliseconds(5));  // 200 bytes a second
    timer_.async_wait([this](error_code) {
      boost::asio::async_write(socket_, boost::asio::buffer("1", 1),
                               [this](error_code error, std::size_t) {
                                 cut_ = static_cast<bool>(error);
                                 if (!cut_) again();
                               });
    });
  }

  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::steady_timer timer_;
  std::string head_;
  bool cut_ = false;
};

class AgentSlowCaller : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  test::AgentWorld world_{folder_.path().string(), std::chrono::milliseconds(300)};
};

// 50,000 bytes at this pace take longer than the test waits.
TEST_F(AgentSlowCaller, LosesItsPlaceInABody) {
  world_.install(1);
  Trickle caller(world_,
                 "POST /v1/sign/payments/a HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Length: 50000\r\n\r\n");
  world_.run_until([&] { return caller.cut(); });
}

TEST_F(AgentSlowCaller, LosesItsPlaceInAHeader) {
  world_.install(1);
  Trickle caller(world_, "GET /v1/health HTTP/1.1\r\nX-Long: ");
  world_.run_until([&] { return caller.cut(); });
}

TEST_F(AgentSlowCaller, LosesItsPlaceInAStream) {
  world_.start();
  world_.run_until([&] { return world_.link->connected(); });
  Trickle caller(world_,
                 "POST /v1/encrypt-stream/payments/a HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Length: 10000000\r\n\r\n");
  world_.run_until([&] { return caller.cut(); });
}

}  // namespace
}  // namespace concordat::keyservice
