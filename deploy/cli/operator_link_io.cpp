#include "deploy/cli/operator_link_io.hpp"

#include "attest/base/secret_access.hpp"
#include "deploy/cli/operator_stream_io.hpp"

namespace concordat::cli {
namespace {

using base::Result;

constexpr std::chrono::milliseconds kAnswerTimeout = std::chrono::seconds(60);

class OperatorLink final : public OperatorChannel {
 public:
  OperatorLink(const attest::TrustAnchors& anchors, const ChannelOrder& order)
      : stream_(anchors, order, policy::kAdminPurpose) {}

  base::Status open() { return stream_.open(); }
  const policy::AdmittedPeer& enclave() const noexcept override { return stream_.enclave(); }

  Result<keyservice::AdminReply> ask(
      keyservice::AdminRequest request,
      const keyservice::AdminResponseReader::OnPart& on_part) override {
    request.id = next_id_++;
    CONCORDAT_CHECK(stream_.look());
    CONCORDAT_CHECK(stream_.send(keyservice::encode(request)));
    keyservice::AdminResponseReader reader(request.id, on_part);
    for (;;) {
      CONCORDAT_TRY(const base::SecretBytes record, stream_.receive(kAnswerTimeout));
      auto last = reader.take(record.expose(base::SecretAccess{}));
      if (!last) {
        if (!last.error().is(keyservice::Errc::refused_by_custodian)) stream_.abort(last.error());
        return last.error();
      }
      if (*last) return **std::move(last);
    }
  }

 private:
  OperatorStream stream_;
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
