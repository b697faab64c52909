// An operator's attested stream to an enclave: dialled through the parent, records in both
// directions, each call blocking for a bounded time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>

#include "attest/roots.hpp"
#include "deploy/cli/operator_channel.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::cli {

class OperatorStream {
 public:
  OperatorStream(const attest::TrustAnchors& anchors, const ChannelOrder& order,
                 std::string_view purpose);
  // Closes in order, if the other side answers in time.
  ~OperatorStream();
  OperatorStream(const OperatorStream&) = delete;
  OperatorStream& operator=(const OperatorStream&) = delete;

  // Where the two sides' policies differ, the newer one goes to the other side and it dials again.
  [[nodiscard]] base::Status open();
  // Once open.
  [[nodiscard]] const policy::AdmittedPeer& enclave() const noexcept { return *enclave_; }
  // Waits while more than a channel holds is unwritten.
  [[nodiscard]] base::Status send(const base::SecretBytes& record);
  // The next record; timed_out, or why the stream has ended.
  [[nodiscard]] base::Result<base::SecretBytes> receive(std::chrono::milliseconds patience);
  // The stream ends if it was not over by then: what happened while nobody asked.
  [[nodiscard]] base::Status look();
  void abort(const base::Error& why) { stream_->abort(why); }

 private:
  [[nodiscard]] base::Error why_ended() const;
  template <class Done>
  base::Status run_until(const Done& done, std::chrono::milliseconds patience);
  [[nodiscard]] base::Status dial();

  attest::TrustAnchors anchors_;
  ChannelOrder order_;
  std::string purpose_;
  base::SystemRandom random_;
  attest::ChainCache chain_cache_;
  peer::Party party_;
  boost::asio::io_context io_{1};
  std::shared_ptr<peer::SecureStream> stream_;
  std::optional<policy::AdmittedPeer> enclave_;
  std::optional<base::Status> ended_;
  std::deque<base::SecretBytes> inbox_;
};

}  // namespace concordat::cli
