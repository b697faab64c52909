#include "deploy/cli/operator_stream_io.hpp"

#include <thread>

#include "attest/base/secret_access.hpp"
#include "deploy/parent/operator_client_io.hpp"
#include "peer/error.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::chrono::milliseconds kDialTimeout = std::chrono::seconds(15);
constexpr std::chrono::milliseconds kWriteTimeout = std::chrono::seconds(60);
constexpr std::chrono::milliseconds kCloseTimeout = std::chrono::seconds(2);
constexpr std::size_t kMostWaiting = 512 * 1024;
// The other side needs a moment to take a policy that it was handed.
constexpr int kAttempts = 5;
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

OperatorStream::OperatorStream(const attest::TrustAnchors& anchors, const ChannelOrder& order,
                               std::string_view purpose)
    : anchors_(anchors), order_(order), purpose_(purpose) {
  // An operator has no register of its own: it wants of enclaves what its authority gives them.
  party_.operator_key = order.signer->public_key();
  party_.own_pcr16 = order.policies->authority().pcr16();
  party_.anchors = &anchors_;
  party_.chain_cache = &chain_cache_;
  party_.random = &random_;
  party_.policies = order.policies;
  party_.clock = []() -> Result<peer::Now> {
    return peer::Now{base::system_wall_clock(), base::system_monotonic_clock()};
  };
}

OperatorStream::~OperatorStream() {
  if (!stream_ || ended_) return;
  stream_->close();
  // Whether the other side answered in time changes nothing any more.
  (void)run_until([this] { return ended_.has_value(); }, kCloseTimeout);
}

Status OperatorStream::open() {
  for (int attempt = 1;; ++attempt) {
    CONCORDAT_CHECK(order_.before_dial());
    const Status opened = dial();
    if (opened || attempt == kAttempts || !opened.error().is(peer::Errc::policy_differs)) {
      return opened;
    }
    std::this_thread::sleep_for(kPause * attempt);
  }
}

Error OperatorStream::why_ended() const {
  return *ended_ ? Error(peer::Errc::channel_closed, "by the enclave") : ended_->error();
}

template <class Done>
Status OperatorStream::run_until(const Done& done, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  io_.restart();
  while (!done()) {
    if (io_.run_one_until(deadline) == 0) return Error(peer::Errc::timed_out);
  }
  return {};
}

Status OperatorStream::look() {
  io_.restart();
  io_.poll();
  return ended_ ? Status(why_ended()) : Status();
}

Status OperatorStream::send(const base::SecretBytes& record) {
  CONCORDAT_CHECK(
      run_until([this] { return ended_.has_value() || stream_->bytes_waiting() < kMostWaiting; },
                kWriteTimeout));
  if (ended_) return why_ended();
  return stream_->send(record.expose(base::SecretAccess{}));
}

Result<base::SecretBytes> OperatorStream::receive(std::chrono::milliseconds patience) {
  CONCORDAT_CHECK(run_until([this] { return !inbox_.empty() || ended_.has_value(); }, patience));
  if (inbox_.empty()) return why_ended();
  base::SecretBytes record = std::move(inbox_.front());
  inbox_.pop_front();
  return record;
}

Status OperatorStream::dial() {
  std::optional<Result<peer::StreamSocket>> socket;
  parent::async_reach_enclave(
      io_, order_.parent, order_.enclave, kDialTimeout,
      [&socket](Result<peer::StreamSocket> reached) { socket.emplace(std::move(reached)); });
  CONCORDAT_CHECK(run_until([&] { return socket.has_value(); }, 2 * kDialTimeout));
  if (!*socket) return socket->error();

  ended_.reset();
  enclave_.reset();
  peer::SecureStream::Events events;
  events.established = [this](const policy::AdmittedPeer& peer) { enclave_ = peer; };
  events.record = [this](base::SecretBytes record) { inbox_.push_back(std::move(record)); };
  events.ended = [this](Status status) { ended_ = std::move(status); };
  stream_ = peer::SecureStream::initiate(std::move(**socket), party_, *order_.signer, purpose_,
                                         std::move(events));
  // The stream ends by itself when the handshake takes too long.
  CONCORDAT_CHECK(
      run_until([this] { return enclave_ || ended_.has_value(); }, 2 * peer::kHandshakeTimeout));
  return enclave_ ? Status() : why_ended();
}

}  // namespace concordat::cli
