// A custodian on a real socket, and who comes to it: strangers, workers, operators.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "keyservice/custodian_io.hpp"
#include "peer/preface_io.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/relay/relay_fixture.hpp"
#include "tests/support/at_once_recorder.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {

using base::Bytes;
using base::Status;
using nlohmann::json;
using test::Side;
using test::Wire;

inline constexpr std::chrono::seconds kPatience{60};  // what only a hanging custodian reaches

// A peer's end of a channel.
struct Channel {
  std::shared_ptr<peer::SecureStream> stream;
  bool established = false;
  std::vector<base::SecretBytes> records;  // without heads of the journal and signs of life
  std::vector<SignOfLife> signs;
  std::optional<Status> ended;
};

inline Bytes preface() {
  return peer::encode_preface(peer::Source{"enclave/worker"});
}

// What `wire` received and nobody has read.
inline Bytes take_received(const Wire& wire) {
  Bytes buffer(64 * 1024);
  const ssize_t size = ::recv(wire.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  buffer.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return buffer;
}

inline bool ended(const Wire& wire) {
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
    custodian_ =
        std::make_unique<Custodian>(side_.party, side_.nsm, custody_, *recorder_, log_, limits);
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
    peer::async_connect(
        io_, inbound_, kPatience, [this, &side, channel](base::Result<peer::StreamSocket> socket) {
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
                events.record = [observer](base::SecretBytes record) {
                  const base::BytesView bytes = record.expose(base::SecretAccess{});
                  const bool is_head = decode_head_record(bytes).value().has_value();
                  const auto sign = decode_sign_of_life(bytes).value();
                  const auto seen = observer.lock();
                  if (seen && sign) seen->signs.push_back(*sign);
                  if (seen && !is_head && !sign) seen->records.push_back(std::move(record));
                };
                events.ended = [observer](const Status& status) {
                  if (const auto seen = observer.lock()) seen->ended = status;
                };
                channel->stream = peer::SecureStream::initiate(
                    std::move(stream), side.party, side.nsm, std::string(policy::kKeysPurpose),
                    std::move(events));
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

  test::SocketFolder folder_;
  const peer::Endpoint inbound_ = folder_.socket("inbound");
  std::vector<json> lines_;
  base::Logger log_{"custodian_test",
                    [this](std::string_view line) { lines_.push_back(json::parse(line)); }};
  test::LoadedCustody loaded_;
  Custody& custody_ = loaded_.custody;
  test::AtOnceRecorder at_once_;
  Recorder* recorder_ = &at_once_;
  test::TestWorld world_;
  boost::asio::io_context io_{1};
  Side worker_{world_, io_, "payments-1", "payments"};
  Side other_{world_, io_, "payments-1", "payments"};
  Side side_{world_, io_, "custodian-1", "custodian"};
  std::unique_ptr<Custodian> custodian_;
};

}  // namespace concordat::keyservice
