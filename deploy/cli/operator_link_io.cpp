#include "deploy/cli/operator_link_io.hpp"

#include <boost/asio/io_context.hpp>
#include <deque>
#include <thread>

#include "attest/base/secret_access.hpp"
#include "deploy/parent/operator_client_io.hpp"
#include "peer/error.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::chrono::milliseconds kDialTimeout = std::chrono::seconds(15);
constexpr std::chrono::milliseconds kAnswerTimeout = std::chrono::seconds(60);
constexpr std::chrono::milliseconds kCloseTimeout = std::chrono::seconds(2);
// The other side needs a moment to take a policy that it was handed.
constexpr int kAttempts = 5;
constexpr std::chrono::milliseconds kPause{100};

class OperatorLink final : public OperatorChannel {
 public:
  OperatorLink(const attest::TrustAnchors& anchors, const ChannelOrder& order)
      : anchors_(anchors), order_(order) {
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
  ~OperatorLink() override {
    if (!stream_ || ended_) return;
    stream_->close();
    // Whether the other side answered in time changes nothing any more.
    (void)run_until([this] { return ended_.has_value(); }, kCloseTimeout);
  }
  OperatorLink(const OperatorLink&) = delete;
  OperatorLink& operator=(const OperatorLink&) = delete;

  Status open() {
    for (int attempt = 1;; ++attempt) {
      CONCORDAT_CHECK(order_.before_dial());
      const Status opened = dial();
      if (opened || attempt == kAttempts || !opened.error().is(peer::Errc::policy_differs)) {
        return opened;
      }
      std::this_thread::sleep_for(kPause * attempt);
    }
  }

  const policy::AdmittedPeer& enclave() const noexcept override { return *enclave_; }

  Result<keyservice::AdminReply> ask(
      keyservice::AdminRequest request,
      const keyservice::AdminResponseReader::OnPart& on_part) override {
    request.id = next_id_++;
    io_.restart();
    io_.poll();  // what happened while nobody asked
    if (ended_) return why_ended();
    CONCORDAT_CHECK(stream_->send(keyservice::encode(request).expose(base::SecretAccess{})));
    keyservice::AdminResponseReader reader(request.id, on_part);
    for (;;) {
      CONCORDAT_CHECK(
          run_until([this] { return !inbox_.empty() || ended_.has_value(); }, kAnswerTimeout));
      if (inbox_.empty()) return why_ended();
      const base::SecretBytes record = std::move(inbox_.front());
      inbox_.pop_front();
      auto last = reader.take(record.expose(base::SecretAccess{}));
      if (!last) {
        if (!last.error().is(keyservice::Errc::refused_by_custodian)) stream_->abort(last.error());
        return last.error();
      }
      if (*last) return **std::move(last);
    }
  }

 private:
  [[nodiscard]] Error why_ended() const {
    return *ended_ ? Error(peer::Errc::channel_closed, "by the custodian") : ended_->error();
  }

  template <class Done>
  Status run_until(const Done& done, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    io_.restart();
    while (!done()) {
      if (io_.run_one_until(deadline) == 0) return Error(peer::Errc::timed_out);
    }
    return {};
  }

  Status dial() {
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
    stream_ = peer::SecureStream::initiate(std::move(**socket), party_, *order_.signer,
                                           std::string(policy::kAdminPurpose), std::move(events));
    // The stream ends by itself when the handshake takes too long.
    CONCORDAT_CHECK(
        run_until([this] { return enclave_ || ended_.has_value(); }, 2 * peer::kHandshakeTimeout));
    return enclave_ ? Status() : why_ended();
  }

  attest::TrustAnchors anchors_;
  ChannelOrder order_;
  base::SystemRandom random_;
  attest::ChainCache chain_cache_;
  peer::Party party_;
  boost::asio::io_context io_{1};
  std::shared_ptr<peer::SecureStream> stream_;
  std::optional<policy::AdmittedPeer> enclave_;
  std::optional<Status> ended_;
  std::deque<base::SecretBytes> inbox_;
  std::uint64_t next_id_ = 1;
};

}  // namespace

Result<std::unique_ptr<OperatorChannel>> open_operator_channel(const attest::TrustAnchors& anchors,
                                                               const ChannelOrder& order) {
  auto link = std::make_unique<OperatorLink>(anchors, order);
  CONCORDAT_CHECK(link->open());
  return std::unique_ptr<OperatorChannel>(std::move(link));
}

}  // namespace concordat::cli
