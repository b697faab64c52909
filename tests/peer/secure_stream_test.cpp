// Streams that share an io_context share its time.
#include "peer/secure_stream_io.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>

#include "tests/keyservice/side.hpp"

namespace concordat::peer {
namespace {

class SecureStreamTest : public testing::Test {
 protected:
  // Both ends, established.
  struct Pair {
    std::shared_ptr<SecureStream> worker, custodian;
    std::size_t established = 0, ended = 0;
  };

  SecureStreamTest() {
    for (test::Side* side : {&worker_, &custodian_})
      (void)side->policies.install(world_.envelope(1), world_.wall).value();
  }

  // The custodian's end writes `name` into received_ for each record.
  std::shared_ptr<Pair> connect(char name) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error("socketpair");
    const auto stream = [](boost::asio::io_context& io, int end) {
      return StreamSocket(boost::asio::local::stream_protocol::socket(
          io, boost::asio::local::stream_protocol(), end));
    };
    auto pair = std::make_shared<Pair>();
    SecureStream::Events events;
    events.established = [seen = std::weak_ptr(pair)](const auto&) { ++seen.lock()->established; };
    events.record = [](const base::SecretBytes&) {};
    events.ended = [seen = std::weak_ptr(pair)](const base::Status& status) {
      EXPECT_TRUE(status);
      ++seen.lock()->ended;
    };
    pair->worker = SecureStream::initiate(stream(senders_, ends[0]), worker_.party, worker_.nsm,
                                          std::string(policy::kKeysPurpose), events);
    events.record = [this, name](const base::SecretBytes&) { received_ += name; };
    pair->custodian = SecureStream::respond(stream(receivers_, ends[1]), custodian_.party,
                                            custodian_.nsm, events);
    run_until([&] { return pair->established == 2; });
    return pair;
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      // The NSM's thread posts what it made: there is nothing else to wait for.
      for (auto* io : {&senders_, &receivers_}) {
        io->restart();
        (void)io->run_for(std::chrono::milliseconds(1));
      }
    }
  }

  test::TestWorld world_;
  boost::asio::io_context senders_{1}, receivers_{1};
  test::Side worker_{world_, senders_, "payments-1", "payments"};
  test::Side custodian_{world_, receivers_, "custodian-1", "custodian"};
  std::string received_;  // by whom, in order
};

TEST_F(SecureStreamTest, OneStreamsBurstDoesNotHoldUpAnothersRecord) {
  constexpr std::size_t kBurst = 300;
  const auto busy = connect('b'), calm = connect('c');
  const base::Bytes payload(64);
  for (std::size_t i = 0; i < kBurst; ++i)
    ASSERT_TRUE(busy->worker->send(payload));
  while (busy->worker->bytes_waiting() > 0)
    (void)senders_.run_one();
  ASSERT_TRUE(calm->worker->send(payload));
  while (calm->worker->bytes_waiting() > 0)
    (void)senders_.run_one();
  // All of it lies in the kernel before anything is read.
  run_until([&] { return received_.size() == kBurst + 1; });
  EXPECT_LT(received_.find('c'), kBurst / 2);
  for (const auto& pair : {busy, calm})
    pair->worker->close();
  run_until([&] { return busy->ended == 2 && calm->ended == 2; });
}

}  // namespace
}  // namespace concordat::peer
