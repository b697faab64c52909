// The custodian among strangers and among workers that want too much: what each limit keeps out,
// and what a policy that comes during a handshake does to it.
#include "keyservice/custodian_io.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/trusted_clock.hpp"
#include "peer/preface_io.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/relay/relay_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Status;
using nlohmann::json;
using test::Side;
using test::Wire;

constexpr std::chrono::seconds kPatience{60};  // what only a hanging custodian reaches

// A worker's end of a channel.
struct Channel {
  std::shared_ptr<peer::SecureStream> stream;
  bool established = false;
  std::optional<Status> ended;
};

Bytes preface() {
  return peer::encode_preface(peer::Source{"enclave/worker"});
}

// What `wire` received and nobody has read.
Bytes take_received(const Wire& wire) {
  Bytes buffer(64 * 1024);
  const ssize_t size = ::recv(wire.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  buffer.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return buffer;
}

bool ended(const Wire& wire) {
  std::uint8_t next = 0;
  const ssize_t size = ::recv(wire.fd(), &next, 1, MSG_DONTWAIT | MSG_PEEK);
  return size == 0 || (size < 0 && errno == ECONNRESET);
}

// A worker that waits before each message until the test says so.
class SlowWorker {
 public:
  SlowWorker(const peer::Endpoint& custodian, test::TestWorld& world, test::TestEnclave& enclave)
      : world_(world),
        enclave_(enclave),
        wire_(Wire::connect(custodian)),
        initiator_(enclave.context(), "keys") {
    wire_.write(preface());
    wire_.write(initiator_.start().value().send);
  }
  // True once the reply is there and the worker could confirm.
  bool ready() {
    frames_.feed(take_received(wire_));
    if (initiator_.state() != peer::HandshakeState::awaiting_reply) return true;
    const auto frame = frames_.next(initiator_.allowed()).value();
    if (!frame) return false;
    const auto action = initiator_.on_frame(*frame, world_.now()).value();
    confirm_ = initiator_.on_document(enclave_.mint(*action.mint), world_.now()).value().send;
    return true;
  }
  void confirm() { wire_.write(confirm_); }
  [[nodiscard]] const Wire& wire() const { return wire_; }

 private:
  test::TestWorld& world_;
  test::TestEnclave& enclave_;
  Wire wire_;
  peer::Initiator initiator_;
  peer::FrameReader frames_;
  Bytes confirm_;
};

class CustodianTest : public testing::Test {
 protected:
  void start(const CustodianLimits& limits = {}) {
    for (Side* side : {&worker_, &other_, &side_})
      (void)side->policies.install(world_.envelope(1), world_.wall).value();
    custodian_ = std::make_unique<Custodian>(side_.party, side_.nsm, keys_, log_, limits);
    side_.party.policy_changed = [this] { custodian_->policy_changed(); };
    custodian_->serve(peer::Listener::open(io_, inbound_).value());
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }
  [[nodiscard]] std::vector<json> events(std::string_view name) const {
    std::vector<json> found;
    for (const json& line : lines_) {
      if (line.at("event") == name) found.push_back(line);
    }
    return found;
  }
  void run_until_logged(std::string_view event, std::size_t times = 1) {
    run_until([&] { return events(event).size() >= times; });
  }

  [[nodiscard]] Wire stranger() const { return Wire::connect(inbound_); }
  [[nodiscard]] Wire stranger_with_preface() const {
    Wire wire = stranger();
    wire.write(preface());
    return wire;
  }
  std::shared_ptr<Channel> dial(Side& side) {
    auto channel = std::make_shared<Channel>();
    peer::async_connect(io_, inbound_, kPatience,
                        [this, &side, channel](base::Result<peer::StreamSocket> socket) {
                          peer::async_write_preface(
                              *std::move(socket), peer::Source{"enclave/worker"}, kPatience,
                              [&side, channel](peer::StreamSocket stream, const Status& written) {
                                ASSERT_TRUE(written);
                                peer::SecureStream::Events events;
                                // Not shared: the channel holds the stream, which holds these.
                                const std::weak_ptr<Channel> observer = channel;
                                events.established = [observer](const auto&) {
                                  if (const auto seen = observer.lock()) seen->established = true;
                                };
                                events.ended = [observer](const Status& status) {
                                  if (const auto seen = observer.lock()) seen->ended = status;
                                };
                                channel->stream = peer::SecureStream::initiate(
                                    std::move(stream), side.party, side.nsm,
                                    std::string(policy::kKeysPurpose), std::move(events));
                              });
                        });
    return channel;
  }
  std::shared_ptr<Channel> admit(Side& side) {
    const auto before = custodian_->counts().handshakes;
    auto channel = dial(side);
    run_until([&] { return channel->established && custodian_->counts().handshakes > before; });
    return channel;
  }

  test::TemporaryFolder folder_;
  const peer::Endpoint inbound_ = folder_.socket("inbound");
  std::vector<json> lines_;
  base::Logger log_{"custodian_test",
                    [this](std::string_view line) { lines_.push_back(json::parse(line)); }};
  KeyServer keys_{Root::create(1, base::SecretBytes::random(kRootSize)).value()};
  test::TestWorld world_;
  boost::asio::io_context io_{1};
  Side worker_{world_, io_, "payments-1", "payments"};
  Side other_{world_, io_, "payments-1", "payments"};
  Side side_{world_, io_, "custodian-1", "custodian"};
  std::unique_ptr<Custodian> custodian_;
};

TEST_F(CustodianTest, StreamsThatSayNothingAreBounded) {
  CustodianLimits limits;
  limits.half_open = 2;
  start(limits);
  Wire first = stranger();
  const Wire second = stranger();
  const Wire third = stranger();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(third));
  EXPECT_FALSE(ended(first) || ended(second));
  first.close();
  run_until_logged("preface_refused");
  admit(worker_);
}

TEST_F(CustodianTest, HandshakesUnderWayAreBounded) {
  CustodianLimits limits;
  limits.half_open = 2;
  start(limits);
  SlowWorker slow(inbound_, world_, worker_.enclave);
  run_until([&] { return slow.ready(); });
  Wire second = stranger_with_preface();
  const Wire third = stranger_with_preface();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(third));
  EXPECT_FALSE(ended(second));
  second.close();
  run_until_logged("peer_refused");
  admit(worker_);
}

TEST_F(CustodianTest, AStreamThatSaysNothingEndsByItself) {
  CustodianLimits limits;
  limits.preface_timeout = std::chrono::milliseconds(1);
  start(limits);
  const Wire wire = stranger();
  run_until_logged("preface_refused");
  EXPECT_TRUE(ended(wire));
  EXPECT_EQ(events("preface_refused").at(0).at("code"), "timed_out");
}

TEST_F(CustodianTest, AHandshakeThatGoesNoFurtherEndsByItself) {
  CustodianLimits limits;
  limits.handshake_timeout = std::chrono::milliseconds(1);
  start(limits);
  const Wire wire = stranger_with_preface();
  run_until_logged("peer_refused");
  EXPECT_TRUE(ended(wire));
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "timed_out");
}

TEST_F(CustodianTest, ChannelsAreBounded) {
  CustodianLimits limits;
  limits.channels = 2;
  start(limits);
  const auto first = admit(worker_);
  const auto second = admit(other_);
  const Wire third = stranger();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(third));
  first->stream->close();
  run_until_logged("channel_closed");
  admit(worker_);
  EXPECT_FALSE(second->ended);
}

TEST_F(CustodianTest, AStreamCostsAToken) {
  CustodianLimits limits;
  limits.admission_burst = 3;
  limits.admissions_per_second = 1;
  start(limits);
  for (std::size_t i = 1; i <= 3; ++i) {
    stranger().close();
    run_until_logged("preface_refused", i);
  }
  EXPECT_EQ(custodian_->counts().refused, 0u);
  const Wire fourth = stranger();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(fourth));
  world_.wall = world_.wall + std::chrono::seconds(1);
  admit(worker_);
}

TEST_F(CustodianTest, WithoutTheTimeNobodyBegins) {
  start();
  side_.party.clock = []() -> base::Result<peer::Now> {
    return base::Error(attest::TrustedClockErrc::anchor_expired);
  };
  const Wire wire = stranger_with_preface();
  run_until([&] { return custodian_->counts().refused == 1; });
  EXPECT_TRUE(ended(wire));
}

TEST_F(CustodianTest, RefusedStreamsAreCountedAndLoggedNowAndThen) {
  CustodianLimits limits;
  limits.half_open = 0;
  limits.refusal_line_burst = 2;
  start(limits);
  constexpr std::uint64_t kStreams = 50;
  for (std::uint64_t i = 1; i <= kStreams; ++i) {
    stranger().close();
    run_until([&] { return custodian_->counts().refused == i; });
  }
  EXPECT_EQ(events("stream_refused").size(), 2u);
  world_.wall = world_.wall + std::chrono::seconds(1);
  const Wire last = stranger();
  run_until_logged("stream_refused", 3);
  EXPECT_EQ(events("stream_refused").at(2).at("streams"), kStreams + 1 - 2);
}

TEST_F(CustodianTest, AnEnclaveHasItsShareOfChannels) {
  CustodianLimits limits;
  limits.channels_of_one_enclave = 2;
  start(limits);
  const auto others = admit(other_);
  const auto first = admit(worker_);
  const auto second = admit(worker_);
  const auto third = admit(worker_);
  run_until([&] { return first->ended.has_value(); });
  EXPECT_FALSE(second->ended || third->ended) << "the oldest goes";
  EXPECT_FALSE(others->ended) << "another enclave's channels are its own";
}

TEST_F(CustodianTest, TwoThatComeTogetherMakeRoomForTwo) {
  CustodianLimits limits;
  limits.channels_of_one_enclave = 2;
  start(limits);
  const auto first = admit(worker_);
  const auto second = admit(worker_);
  SlowWorker third(inbound_, world_, worker_.enclave);
  SlowWorker fourth(inbound_, world_, worker_.enclave);
  run_until([&] { return third.ready(); });
  run_until([&] { return fourth.ready(); });
  third.confirm();
  fourth.confirm();
  run_until([&] { return first->ended && second->ended; });
  EXPECT_EQ(custodian_->counts().handshakes, 4u);
}

TEST_F(CustodianTest, ANewerPolicyEndsHandshakesUnderWay) {
  start();
  SlowWorker worker(inbound_, world_, worker_.enclave);
  run_until([&] { return worker.ready(); });
  ASSERT_TRUE(side_.party.offer_policy(world_.envelope(2)));
  run_until_logged("peer_refused");
  EXPECT_TRUE(ended(worker.wire()));
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "policy_differs");
}

// The allowance is one for all streams, however many strangers share it.
TEST_F(CustodianTest, EnvelopesAreRationedOverAllStreams) {
  start();
  ASSERT_TRUE(side_.party.offer_policy(world_.envelope(2)));
  const Bytes envelope = world_.envelope(2);
  side_.party.envelope_bytes = std::make_shared<peer::TokenBucket>(
      1, static_cast<std::uint32_t>(envelope.size()), world_.now().monotonic);
  std::vector<std::size_t> heard;
  for (int i = 0; i < 3; ++i) {
    const SlowWorker worker(inbound_, world_, worker_.enclave);
    Bytes received;
    run_until([&] {
      base::append(received, take_received(worker.wire()));
      return ended(worker.wire());
    });
    heard.push_back(received.size());
  }
  EXPECT_GT(heard.at(0), envelope.size());
  EXPECT_LT(heard.at(1), 100u);
  EXPECT_LT(heard.at(2), 100u);
}

// Even where nobody told the custodian.
TEST_F(CustodianTest, APolicyThatCameDuringTheHandshakeAdmitsNobodyUnderTheOlder) {
  start();
  SlowWorker worker(inbound_, world_, worker_.enclave);
  run_until([&] { return worker.ready(); });
  ASSERT_TRUE(side_.policies.install(world_.envelope(2), world_.wall));
  worker.confirm();
  run_until([&] { return events("peer_refused").size() + events("peer_admitted").size() > 0; });
  ASSERT_EQ(events("peer_refused").size(), 1u);
  EXPECT_EQ(events("peer_refused").at(0).at("code"), "policy_differs");
  EXPECT_EQ(custodian_->counts().handshakes, 0u);
}

}  // namespace
}  // namespace concordat::keyservice
