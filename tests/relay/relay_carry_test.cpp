// What the relay carries: every byte, in order, both ways, each end by itself, and never more than
// it may hold.
#include <fcntl.h>

#include "tests/relay/relay_fixture.hpp"

namespace concordat::test {
namespace {

using peer::Answer;
using peer::Preface;
using peer::Source;
using peer::relay::CarrierMode;
using peer::relay::Ending;
using peer::relay::Limits;
using peer::relay::Route;

struct Way {
  const char* name;
  bool tcp;
  CarrierMode mode;
};
std::ostream& operator<<(std::ostream& out, const Way& way) {
  return out << way.name;
}

class EveryWay : public RelayTest, public ::testing::WithParamInterface<Way> {
 protected:
  [[nodiscard]] peer::Endpoint endpoint(const std::string& name) const {
    if (GetParam().tcp) return peer::TcpEndpoint{"127.0.0.1", 0};
    return folder_.socket(name);
  }
  void SetUp() override {
    front_ = endpoint("relay.sock");
    start({}, GetParam().mode);
    route("enclave/custodian", Route::Kind::enclave, target_.endpoint());
    caller_wire_ = open("enclave/custodian");
    target_wire_ = target_.accept();
    EXPECT_EQ(target_wire_.read_preface(), Preface(Source{"enclave/worker-1"}));
  }

  Target target_{endpoint("target.sock")};
  Wire caller_wire_, target_wire_;
};

TEST_P(EveryWay, BytesArriveUnchangedBothWaysAtOnce) {
  const base::Bytes there = random_bytes(3'000'001);
  const base::Bytes back = random_bytes(2'000'003);
  const auto send = [](const Wire& wire, const base::Bytes& bytes) {
    return std::async(std::launch::async, [&] {
      wire.write(bytes);
      wire.end_writing();
    });
  };
  auto sent_there = send(caller_wire_, there);
  auto sent_back = send(target_wire_, back);
  auto got_there = std::async(std::launch::async, [&] { return target_wire_.read_to_end(); });
  EXPECT_TRUE(caller_wire_.read_to_end() == back);
  EXPECT_TRUE(got_there.get() == there);
  sent_there.get();
  sent_back.get();
  EXPECT_TRUE(eventually([](const auto& c) {
    return c.ended[static_cast<std::size_t>(Ending::completed)] == 1 && c.active == 0;
  }));
  EXPECT_EQ(counters().bytes_to_target, there.size());
  EXPECT_EQ(counters().bytes_from_target, back.size());
}

TEST_P(EveryWay, OneEndClosesWhileTheOtherGoesOn) {
  caller_wire_.write(text("question"));
  caller_wire_.end_writing();
  EXPECT_EQ(base::as_text(target_wire_.read_to_end()), "question");
  target_wire_.write(text("answer"));
  EXPECT_EQ(base::as_text(caller_wire_.read(6)), "answer");
  EXPECT_EQ(counters().active, 1u);
  target_wire_.end_writing();
  EXPECT_TRUE(caller_wire_.read_to_end().empty());
}

TEST_P(EveryWay, TheTargetMayEndFirst) {
  target_wire_.write(text("greeting"));
  target_wire_.end_writing();
  EXPECT_EQ(base::as_text(caller_wire_.read_to_end()), "greeting");
  caller_wire_.write(text("late"));
  caller_wire_.end_writing();
  EXPECT_EQ(base::as_text(target_wire_.read_to_end()), "late");
}

TEST_P(EveryWay, ATargetThatDiesEndsTheStream) {
  target_wire_.close();
  EXPECT_TRUE(caller_wire_.read_to_end().empty());
  // The caller goes on writing into nothing: the relay notices and closes.
  base::Bytes chunk(64 * 1024);
  while (::send(caller_wire_.fd(), chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
  }
  EXPECT_TRUE(eventually([](const auto& c) { return c.active == 0; }));
}

INSTANTIATE_TEST_SUITE_P(Relay, EveryWay,
                         ::testing::Values(Way{"unix_splice", false, CarrierMode::automatic},
                                           Way{"unix_copy", false, CarrierMode::copy},
                                           Way{"tcp_splice", true, CarrierMode::automatic},
                                           Way{"tcp_copy", true, CarrierMode::copy}),
                         [](const auto& way) { return way.param.name; });

class Carry : public RelayTest {};

TEST_F(Carry, BytesSentBeforeTheAnswerArrive) {
  start();
  const Target target(folder_.socket("target.sock"));
  route("egress/kms.example:443", Route::Kind::egress, target.endpoint());
  const Wire caller = ask("egress/kms.example:443");
  caller.write(text("early"));
  caller.end_writing();
  // And an egress target sees no preface.
  EXPECT_EQ(base::as_text(target.accept().read_to_end()), "early");
  EXPECT_EQ(caller.read_preface(), Preface(Answer::ok));
}

TEST_F(Carry, AThousandStreamsAtOnceAndNoDescriptorsForIdleOnes) {
  constexpr std::size_t kStreams = 1'000;
  Limits limits;
  limits.stream_burst = kStreams;
  start(limits);
  const Target target(folder_.socket("target.sock"));
  route("egress/echo.example:1", Route::Kind::egress, target.endpoint());
  std::vector<Wire> callers, targets;
  for (std::size_t i = 0; i < kStreams; ++i) {
    callers.push_back(open("egress/echo.example:1"));
    targets.push_back(target.accept());
  }
  EXPECT_EQ(counters().active, kStreams);
  EXPECT_EQ(snapshot().streams.size(), kStreams);
  for (std::size_t i = 0; i < kStreams; ++i)
    callers[i].write(text(std::to_string(i)));
  for (std::size_t i = 0; i < kStreams; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(base::as_text(targets[i].read(number.size())), number);
    targets[i].write(text("re " + number));
  }
  for (std::size_t i = 0; i < kStreams; ++i) {
    const std::string reply = "re " + std::to_string(i);
    EXPECT_EQ(base::as_text(callers[i].read(reply.size())), reply);
  }
  const auto open_files = std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                        std::filesystem::directory_iterator());
  EXPECT_LT(open_files, 4 * kStreams + 200);  // two sockets a stream here, two in the relay
  callers.clear();
  targets.clear();
  EXPECT_TRUE(eventually([](const auto& c) { return c.active == 0; }));
}

// Without a thread: the test turns the relay's crank until nothing moves any more.
TEST(BackPressure, AStoppedReaderStopsTheWriter) {
  std::signal(SIGPIPE, SIG_IGN);
  for (const CarrierMode mode : {CarrierMode::automatic, CarrierMode::copy}) {
    SocketFolder folder;
    boost::asio::io_context io;
    base::Logger log("test", [](std::string_view) {});
    const Target target(folder.socket("target.sock"));
    peer::relay::Parts parts;
    parts.log = &log;
    parts.carrier_mode = mode;
    parts.route = [&](const auto&, const auto&) {
      return Route{Route::Kind::egress, target.endpoint()};
    };
    peer::relay::Relay relay(io, {}, std::move(parts));
    const auto front = relay.listen(folder.socket("relay.sock"), {},
                                    [](const auto&) { return Source{"enclave/fast"}; });
    const Wire caller = Wire::connect(front.value());
    caller.write(peer::encode_preface(peer::parse_target("egress/slow.example:1").value()));
    while (relay.snapshot().streams.empty())
      io.run_one();
    const Wire reader = target.accept();
    ASSERT_EQ(caller.read_preface(), Preface(Answer::ok));

    constexpr std::size_t kWanted = 64 * 1024 * 1024;
    constexpr int kQuietRounds = 100;
    const base::Bytes chunk = random_bytes(64 * 1024);
    std::size_t accepted = 0;
    for (int quiet = 0; quiet < kQuietRounds && accepted < kWanted;) {
      const ssize_t n =
          ::send(caller.fd(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) accepted += static_cast<std::size_t>(n);
      quiet = n > 0 || io.poll() > 0 ? 0 : quiet + 1;
    }
    // Two sockets' buffers of the kernel and one carrier; far from what was offered.
    EXPECT_LT(accepted, 4u * 1024 * 1024);

    // And every byte that was accepted arrives when the reader goes on.
    caller.end_writing();
    auto received = std::async(std::launch::async, [&] { return reader.read_to_end().size(); });
    while (received.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      io.poll();
    EXPECT_EQ(received.get(), accepted);
    relay.stop();
    io.poll();
  }
}

}  // namespace
}  // namespace concordat::test
