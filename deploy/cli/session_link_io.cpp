#include "deploy/cli/session_link_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "attest/base/descriptor.hpp"
#include "attest/base/file.hpp"
#include "deploy/cli/operator_stream_io.hpp"
#include "session/host/errc.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace host = session::host;

// Until the enclave has looked at the order.
constexpr std::chrono::milliseconds kReadyTime = std::chrono::seconds(60);
// The session's own deadline ends it long before.
constexpr std::chrono::milliseconds kRunTime = std::chrono::hours(24 * 7);
// To come back where the channel was cut: some two minutes in all, for a relay that is started
// anew.
constexpr unsigned kRedials = 20;
constexpr std::chrono::milliseconds kRedialPause{500};
constexpr std::chrono::milliseconds kLongestPause = std::chrono::seconds(8);

Error cannot_read(const std::string& path) {
  return Error(base::FileErrc::cannot_read, path + ": " + std::strerror(errno));
}

class SessionLink {
 public:
  SessionLink(const attest::TrustAnchors& anchors, const ChannelOrder& channel,
              const SessionOrder& order)
      : anchors_(anchors), channel_(channel), order_(order) {}

  Result<SessionOutcome> run() {
    CONCORDAT_CHECK(order_.resume ? dial_again() : begin());
    CONCORDAT_CHECK(follow());
    CONCORDAT_CHECK(order_.store_outcome(outcome_));
    // A run that was refused has nothing to be fetched, and its channel is over.
    (void)stream_->send(host::encode(host::EndFetched{}));
    return std::move(outcome_);
  }

 private:
  Status dial() {
    stream_.emplace(anchors_, channel_, host::kControlPurpose);
    return stream_->open();
  }

  Status begin() {
    CONCORDAT_CHECK(dial());
    CONCORDAT_CHECK(send_order());
    while (!is_ready_ && !ended_)
      CONCORDAT_CHECK(take_report(kReadyTime));
    if (!ended_) CONCORDAT_CHECK(send_input());
    if (!ended_) CONCORDAT_CHECK(stream_->send(host::encode(host::BeginRun{})));
    return {};
  }

  // To the run's end, over as many channels as it takes.
  Status follow() {
    while (!ended_) {
      const Status taken = take_report(kRunTime);
      if (taken) continue;
      if (!taken.error().is(host::Errc::no_answer)) return taken;
      CONCORDAT_CHECK(come_back(taken.error()));
    }
    return {};
  }

  // All that was said is said again. What began is not called off by a channel that was cut.
  Status come_back(const Error& why) {
    if (order_.on_stage) order_.on_stage({"cut", why.to_string()});
    for (; attempts_ < kRedials; ++attempts_) {
      std::this_thread::sleep_for(std::min(kRedialPause * (attempts_ + 1), kLongestPause));
      if (!dial_again()) continue;
      ++attempts_;
      return {};
    }
    return why;
  }

  Status dial_again() {
    outcome_ = {};
    CONCORDAT_CHECK(dial());
    return stream_->send(host::encode(host::ResumeRun{order_.session}));
  }

  Status send_order() {
    for (const BytesView piece : host::in_pieces(order_.envelope)) {
      CONCORDAT_CHECK(stream_->send(host::encode(host::DescriptorPiece{base::to_bytes(piece)})));
    }
    return stream_->send(host::encode(
        host::OrderedRun{order_.party, static_cast<std::uint64_t>(order_.forming.count()),
                         order_.authorities, order_.kept}));
  }

  Status send_input() {
    if (order_.input.empty()) return {};
    const bool is_standard = order_.input == "-";
    const base::Descriptor file(is_standard ? ::dup(STDIN_FILENO)
                                            : ::open(order_.input.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return cannot_read(order_.input);
    std::array<std::uint8_t, host::kControlPiece> buffer{};
    for (;;) {
      const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return cannot_read(order_.input);
      if (size == 0) return {};
      host::InputPiece piece{
          base::SecretBytes::take(std::span(buffer).first(static_cast<std::size_t>(size)))};
      if (const Status sent = stream_->send(host::encode(std::move(piece))); !sent) {
        // The enclave may have said why before it hung up.
        while (!ended_)
          CONCORDAT_CHECK(take_report(std::chrono::milliseconds(0)));
        return {};
      }
    }
  }

  Status take_report(std::chrono::milliseconds patience) {
    const auto record = stream_->receive(patience);
    if (!record) return Error(host::Errc::no_answer, record.error().to_string());
    CONCORDAT_TRY(host::ControlReport report, host::decode_report(*record));
    std::visit([this](auto& part) { take(std::move(part)); }, report);
    if (!std::exchange(is_to_keep_, false)) return {};
    CONCORDAT_CHECK(order_.store_kept(outcome_.kept));
    return stream_->send(host::encode(host::KeptStored{}));
  }
  void take(const host::StageReached& stage) {
    if (stage.stage == host::kReadyStage) is_ready_ = true;
    if (stage.stage == host::kKeepStage) is_to_keep_ = true;
    if (order_.on_stage) order_.on_stage(stage);
  }
  void take(const host::ResultPiece& part) { base::append(outcome_.result, part.bytes); }
  void take(const host::ReceiptPiece& part) { base::append(outcome_.receipt, part.bytes); }
  void take(const host::KeptPiece& part) { base::append(outcome_.kept, part.bytes); }
  void take(const host::EvidencePiece& part) {
    base::append(outcome_.evidence[part.party], part.bytes);
  }
  void take(host::RunEnded end) {
    outcome_.end = std::move(end);
    ended_ = true;
  }

  const attest::TrustAnchors& anchors_;
  const ChannelOrder& channel_;
  std::optional<OperatorStream> stream_;
  const SessionOrder& order_;
  SessionOutcome outcome_;
  unsigned attempts_ = 0;  // to come back, in all
  bool is_ready_ = false;
  bool is_to_keep_ = false;
  bool ended_ = false;
};

}  // namespace

Result<SessionOutcome> run_session_order(const attest::TrustAnchors& anchors,
                                         const ChannelOrder& channel, const SessionOrder& order) {
  return SessionLink(anchors, channel, order).run();
}

}  // namespace concordat::cli
