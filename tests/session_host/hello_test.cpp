// The reader at the door: who is sent away is gone, whatever it has sent.
#include "session/host/hello_io.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "peer/frame.hpp"

namespace concordat::session::host {
namespace {

constexpr std::chrono::hours kNoHurry{1};

class HelloReading : public testing::Test {
 protected:
  HelloReading() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0); }
  ~HelloReading() override { ::close(ends_[1]); }

  std::function<void()> begin() {
    namespace local = boost::asio::local;
    return async_read_hello(
        peer::StreamSocket(local::stream_protocol::socket(io_, local::stream_protocol(), ends_[0])),
        kNoHurry, [this](const peer::StreamSocket&, const base::Result<ReadHello>& read) {
          ASSERT_FALSE(read);
          told_.push_back(read.error());
        });
  }

  boost::asio::io_context io_{1};
  int ends_[2]{};
  std::vector<base::Error> told_;
};

// What is there when reading begins is read at once, and told later: the cancelled socket has
// nothing left to cancel then.
TEST_F(HelloReading, WhoIsSentAwayIsGoneThoughAPieceOfItHasComeAlready) {
  const auto piece = static_cast<std::uint8_t>(peer::FrameType::hello);
  ASSERT_EQ(::write(ends_[1], &piece, 1), 1);
  const auto send_away = begin();
  send_away();
  io_.poll();
  ASSERT_EQ(told_.size(), 1u) << "it reads on";
  EXPECT_TRUE(told_[0].is(peer::StreamErrc::ended)) << told_[0].to_string();
}

TEST_F(HelloReading, WhoIsSentAwayIsToldOfOnce) {
  const auto send_away = begin();
  io_.poll();
  EXPECT_TRUE(told_.empty());
  send_away();
  send_away();
  io_.restart();
  io_.poll();
  EXPECT_EQ(told_.size(), 1u);
  send_away();  // nobody is there any more
}

}  // namespace
}  // namespace concordat::session::host
