#include "deploy/cli/session_link_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

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

Error cannot_read(const std::string& path) {
  return Error(base::FileErrc::cannot_read, path + ": " + std::strerror(errno));
}

class SessionLink {
 public:
  SessionLink(const attest::TrustAnchors& anchors, const ChannelOrder& channel,
              const SessionOrder& order)
      : stream_(anchors, channel, host::kControlPurpose), order_(order) {}

  Result<SessionOutcome> run() {
    CONCORDAT_CHECK(stream_.open());
    CONCORDAT_CHECK(send_order());
    while (!is_ready_ && !ended_)
      CONCORDAT_CHECK(take_report(kReadyTime));
    if (!ended_) CONCORDAT_CHECK(send_input());
    if (!ended_) CONCORDAT_CHECK(stream_.send(host::encode(host::BeginRun{})));
    while (!ended_)
      CONCORDAT_CHECK(take_report(kRunTime));
    return std::move(outcome_);
  }

 private:
  Status send_order() {
    for (const BytesView piece : host::in_pieces(order_.envelope)) {
      CONCORDAT_CHECK(stream_.send(host::encode(host::DescriptorPiece{base::to_bytes(piece)})));
    }
    return stream_.send(host::encode(
        host::OrderedRun{order_.party, static_cast<std::uint64_t>(order_.forming.count()),
                         order_.authorities, order_.kept}));
  }

  Status send_input() {
    if (order_.input.empty()) return {};
    const bool is_standard = order_.input == "-";
    const base::Descriptor file(
        is_standard ? ::dup(STDIN_FILENO) : ::open(order_.input.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return cannot_read(order_.input);
    std::array<std::uint8_t, host::kControlPiece> buffer{};
    for (;;) {
      const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return cannot_read(order_.input);
      if (size == 0) return {};
      host::InputPiece piece{base::SecretBytes::take(
          std::span(buffer).first(static_cast<std::size_t>(size)))};
      if (const Status sent = stream_.send(host::encode(std::move(piece))); !sent) {
        // The enclave may have said why before it hung up.
        while (!ended_)
          CONCORDAT_CHECK(take_report(std::chrono::milliseconds(0)));
        return {};
      }
    }
  }

  Status take_report(std::chrono::milliseconds patience) {
    const auto record = stream_.receive(patience);
    if (!record) return Error(host::Errc::no_answer, record.error().to_string());
    CONCORDAT_TRY(host::ControlReport report, host::decode_report(*record));
    std::visit([this](auto& part) { take(std::move(part)); }, report);
    if (!std::exchange(is_to_keep_, false)) return {};
    CONCORDAT_CHECK(order_.store_kept(outcome_.kept));
    return stream_.send(host::encode(host::KeptStored{}));
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

  OperatorStream stream_;
  const SessionOrder& order_;
  SessionOutcome outcome_;
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
