// Runs inside the guest. Two enclaves, each with an NSM device of its own, and between them
// concordat-parent, which the check started; every stream is AF_VSOCK. The context id is always 1,
// which the kernel loops back: the addresses are not Nitro's, the socket family and the code are.
//
//   payments -- vsock 7000 --> concordat-parent -- vsock 7100 --> custodian
#include <gtest/gtest.h>

#include <csignal>

#include "attest/authority.hpp"
#include "attest/base/file.hpp"
#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/custom_root.hpp"
#include "attest/nsm_device.hpp"
#include "attest/trusted_clock.hpp"
#include "peer/preface_io.hpp"
#include "peer/secure_stream_io.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::vm {
namespace {

using base::Bytes;
using base::Result;
using peer::SecureStream;
using peer::StreamSocket;
using namespace std::chrono_literals;

constexpr const char* kRootDer = "/run/lab_root.der";
const peer::Endpoint kRelay = peer::VsockEndpoint{1, 7000};
const peer::Endpoint kCustodian = peer::VsockEndpoint{peer::kVsockAnyContextId, 7100};
constexpr auto kPatience = 60s;  // what only a hanging stream reaches

// The sample policy, in force around the guest's own time.
Bytes policy_envelope() {
  const test::TestAuthority authority;
  const base::UnixMillis now = base::system_wall_clock();
  std::string text = test::sample_policy(authority.descriptor());
  text = test::replaced(text, "2026-01-01T00:00:00Z", base::format_rfc3339(now - 1h));
  text = test::replaced(text, "2026-01-31T00:00:00Z", base::format_rfc3339(now + 24h));
  return authority.sign(text).encode();
}

// What an enclave program puts together at its start, on a device of its own.
class Enclave {
 public:
  Enclave(boost::asio::io_context& io, const char* device, const char* role, base::BytesView policy)
      : nsm_(attest::NsmDevice::open(device).value()),
        anchors_(attest::trust_anchors_from_root(base::read_file(kRootDer, 4096).value()).value()),
        policies_(test::TestAuthority().descriptor()) {
    (void)attest::bind_authority(nsm_, policies_.authority()).value();
    attest::anchor_from_nsm(clock_, nsm_, base::system_monotonic_clock).value();
    (void)policies_.install(policy, now().value().wall).value();
    party_ = {.role = role,
              .own_pcr16 = policies_.authority().pcr16(),
              .anchors = &anchors_,
              .chain_cache = &chain_cache_,
              .random = &random_,
              .policies = &policies_,
              .clock = [this] { return now(); },
              .also_admit = {},
              .policy_changed = {}};
    worker_.emplace(nsm_, io, 8);
  }

  [[nodiscard]] peer::Party& party() { return party_; }
  [[nodiscard]] peer::NsmWorker& worker() { return *worker_; }

 private:
  Result<peer::Now> now() {
    const base::MonotonicMillis monotonic = base::system_monotonic_clock();
    CONCORDAT_TRY(const base::UnixMillis wall, clock_.now(monotonic));
    return peer::Now{wall, monotonic};
  }

  attest::NsmDevice nsm_;
  attest::TrustAnchors anchors_;
  attest::TrustedClock clock_;
  attest::ChainCache chain_cache_;
  base::SystemRandom random_;
  policy::PolicyInForce policies_;
  peer::Party party_;
  std::optional<peer::NsmWorker> worker_;
};

struct Admission {
  std::string role;
  std::string image;
};

class VsockHandshake : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    auto listener = peer::Listener::open(io_, kCustodian);
    ASSERT_TRUE(listener) << listener.error().to_string();
    listener_ = *std::move(listener);
    listener_->start([this](StreamSocket socket, const peer::PeerAddress&) {
      peer::async_read_source(std::move(socket), kPatience,
                              [this](StreamSocket stream, const Result<peer::Source>& source) {
                                ASSERT_TRUE(source) << source.error().to_string();
                                EXPECT_EQ(source->text, "enclave/payments");
                                respond(std::move(stream));
                              });
    });
  }

  // The custodian sends every record back.
  void respond(StreamSocket socket) {
    SecureStream::Events events;
    events.established = [this](const policy::AdmittedPeer& peer) {
      seen_by_custodian_ = {peer.role(), peer.image()};
    };
    events.record = [this](const base::SecretBytes& record) {
      EXPECT_TRUE(responder_->send(record.expose(base::SecretAccess{})));
    };
    events.ended = [this](base::Status status) { ended(std::move(status)); };
    responder_ = SecureStream::respond(std::move(socket), custodian_.party(), custodian_.worker(),
                                       std::move(events), {.handshake = kPatience});
  }

  void dial(const peer::Target& target, peer::ConnectHandler handler) {
    peer::async_dial_target(io_, kRelay, target, kPatience, std::move(handler));
  }

  void ended(base::Status status) {
    EXPECT_TRUE(status) << status.error().to_string();
    if (++ended_ == 2) io_.stop();
  }

  boost::asio::io_context io_;
  std::unique_ptr<peer::Listener> listener_;
  const Bytes policy_ = policy_envelope();
  Enclave custodian_{io_, "/dev/nsm", "custodian", policy_};
  Enclave payments_{io_, "/dev/nsm-worker", "payments", policy_};
  std::shared_ptr<SecureStream> responder_;
  Admission seen_by_custodian_;
  int ended_ = 0;
};

TEST_F(VsockHandshake, TwoEnclavesAdmitEachOtherAndExchangeRecords) {
  constexpr std::size_t kRecords = 64;
  constexpr std::size_t kRecordSize = 8 * 1024;
  Admission seen_by_payments;
  std::size_t echoed = 0;
  std::shared_ptr<SecureStream> initiator;
  SecureStream::Events events;
  events.established = [&](const policy::AdmittedPeer& peer) {
    seen_by_payments = {peer.role(), peer.image()};
    for (std::size_t i = 0; i < kRecords; ++i) {
      EXPECT_TRUE(initiator->send(Bytes(kRecordSize, static_cast<std::uint8_t>(i))));
    }
  };
  events.record = [&](const base::SecretBytes& record) {
    const Bytes sent(kRecordSize, static_cast<std::uint8_t>(echoed));
    EXPECT_TRUE(base::equal(record.expose(base::SecretAccess{}), sent)) << "record " << echoed;
    if (++echoed == kRecords) initiator->close();
  };
  events.ended = [&](base::Status status) { ended(std::move(status)); };
  dial(peer::EnclaveTarget{"custodian"}, [&](Result<StreamSocket> socket) {
    ASSERT_TRUE(socket) << socket.error().to_string();
    initiator = SecureStream::initiate(*std::move(socket), payments_.party(), payments_.worker(),
                                       "keys", std::move(events), {.handshake = kPatience});
  });
  io_.run_for(kPatience);

  EXPECT_EQ(seen_by_payments.role, "custodian");
  EXPECT_EQ(seen_by_payments.image, "custodian-1");
  EXPECT_EQ(seen_by_custodian_.role, "payments");
  EXPECT_EQ(seen_by_custodian_.image, "payments-1");
  EXPECT_EQ(echoed, kRecords);
  EXPECT_EQ(ended_, 2) << "both sides end in order";
}

TEST_F(VsockHandshake, TheRelaySaysThatATargetIsUnknown) {
  std::optional<base::Error> refused;
  dial(peer::EnclaveTarget{"nobody"}, [&](const Result<StreamSocket>& socket) {
    if (!socket) refused = socket.error();
    io_.stop();
  });
  io_.run_for(kPatience);
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->is(peer::RelayErrc::unknown_target)) << refused->to_string();
}

}  // namespace
}  // namespace concordat::vm
