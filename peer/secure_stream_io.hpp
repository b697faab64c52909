// A handshake and then a channel over one byte stream: the thin shell that moves bytes between a
// socket, the NSM and the state machines of peer/. One io_context run by one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <variant>

#include "peer/nsm_worker_io.hpp"
#include "peer/party.hpp"
#include "peer/reserved_memory_io.hpp"
#include "peer/stream_io.hpp"
#include "policy/signer.hpp"

namespace concordat::peer {

struct StreamTimeouts {
  std::chrono::milliseconds handshake = kHandshakeTimeout;
};

class SecureStream : public std::enable_shared_from_this<SecureStream> {
 public:
  // Called on the io_context. `ended` is called exactly once and last; success means that both
  // sides closed in order. The stream keeps itself alive until then.
  struct Events {
    std::function<void(const policy::AdmittedPeer&)> established;
    // Instead, where the other side is an operator (Party::also_admit_operator).
    std::function<void(const policy::AdmittedOperator&)> operator_established{};
    std::function<void(base::SecretBytes record)> record;
    // All that was sent has been written: whoever holds more back may go on.
    std::function<void()> drained{};
    std::function<void(base::Status)> ended;
  };

  // `socket` is connected and its relay preface is done. `party` and `nsm` outlive the stream.
  static std::shared_ptr<SecureStream> initiate(StreamSocket socket, Party& party, NsmWorker& nsm,
                                                std::string purpose, Events events,
                                                StreamTimeouts timeouts = {});
  // As the operator whose key is party.operator_key and `signer`'s. Signing blocks the io_context.
  static std::shared_ptr<SecureStream> initiate(StreamSocket socket, Party& party,
                                                const policy::Signer& signer, std::string purpose,
                                                Events events, StreamTimeouts timeouts = {});
  static std::shared_ptr<SecureStream> respond(StreamSocket socket, Party& party, NsmWorker& nsm,
                                               Events events, StreamTimeouts timeouts = {});

  // One record. Before the verdict (initiator only) it goes as an early record: idempotent
  // requests only. busy when more than 1 MiB waits to be written.
  [[nodiscard]] base::Status send(base::BytesView payload);
  // True once records may be sent: for the initiator from its own confirm on.
  [[nodiscard]] bool can_send() const noexcept {
    return early_ != nullptr || (sealer_ != nullptr && !sealer_->closed());
  }
  [[nodiscard]] bool is_established() const noexcept { return established_.has_value(); }
  // Sends the close record and waits for the other side's; at most for the handshake's time.
  void close();
  // Ends at once, whatever is lacking.
  void abort(base::Error why) noexcept;
  // Whether it is time to make the next channel (PROTOCOL.md section 9).
  [[nodiscard]] bool wants_renewal() const;
  [[nodiscard]] std::size_t bytes_waiting() const noexcept {
    return outbox_.size() + written_.size();
  }
  // Which policy it was admitted under; only once established, and only an enclave.
  [[nodiscard]] const policy::AdmittedPeer* peer() const noexcept {
    return established_ ? std::get_if<policy::AdmittedPeer>(&established_->peer) : nullptr;
  }

  // The attestation document that it was admitted by, as it came; empty of an operator. Only once
  // established.
  [[nodiscard]] const base::Bytes& peer_document() const noexcept {
    return established_->peer_document;
  }
  // T3 of its handshake. Only once established.
  [[nodiscard]] const TranscriptHash& transcript() const noexcept {
    return established_->transcript;
  }
  // Of an enclave that this side refused: its genuine document; otherwise empty.
  [[nodiscard]] const base::Bytes& refused_document() const noexcept { return refused_document_; }

 private:
  static constexpr std::size_t kMaxWaiting = 1024 * 1024;
  // Then other streams have theirs: what came in one read may be hundreds of requests.
  static constexpr std::size_t kFramesATurn = 32;

  // What makes this side's evidence: an enclave's NSM, an operator's signer.
  using EvidenceSource = std::variant<NsmWorker*, const policy::Signer*>;

  SecureStream(StreamSocket socket, Party& party, EvidenceSource source, Events events,
               StreamTimeouts timeouts);
  static std::shared_ptr<SecureStream> start(std::shared_ptr<SecureStream> stream,
                                             std::string purpose, bool initiate);
  void begin(std::string purpose, bool initiate);
  void arm_deadline();
  void read();
  void on_bytes(boost::system::error_code error, std::size_t size);
  // Handles whole frames until more bytes or a document are needed, or its turn is over.
  void process();
  void on_handshake_frame(const Frame& frame);
  void perform(base::Result<HandshakeAction> action);
  void mint(attest::MintRequest request);
  void on_document(base::Result<base::Bytes> document);
  void sign(const base::Bytes& message);
  void become_established();
  void on_record(const Frame& frame);
  void handshake_failed(const base::Error& error);
  void write(base::BytesView frame);
  // Writes what waits, all of it at once, unless a write is under way.
  void write_waiting();
  void on_written(boost::system::error_code error);
  void end(base::Status status) noexcept;
  // What the io_context calls: want of memory in it ends this stream, and not the program.
  template <class Step>
  void guarded(const Step& step) noexcept;
  [[nodiscard]] Handshake* handshake() noexcept;

  StreamSocket socket_;
  Party& party_;
  boost::asio::io_context& io_;
  EvidenceSource source_;
  std::shared_ptr<Events> events_;  // empty when it is over
  StreamTimeouts timeouts_;
  boost::asio::steady_timer deadline_;
  FrameReader frames_;
  base::Bytes inbox_;
  std::variant<std::monostate, std::unique_ptr<Initiator>, std::unique_ptr<Responder>> handshake_;
  std::optional<Established> established_;
  base::Bytes refused_document_;
  Sealer* sealer_ = nullptr;    // of established_
  Initiator* early_ = nullptr;  // between confirm and accept
  base::Bytes outbox_;          // sealed while a write is under way: the next one takes all of it
  base::Bytes written_;         // what the write under way takes; empty when there is none
  bool reading_ = false;
  bool minting_ = false;
  bool yielded_ = false;  // frames wait for this stream's next turn
  bool ended_ = false;
  std::optional<base::Error> end_after_writing_;
  base::Status end_status_;
  ReservedMemoryPtr farewell_ = std::make_shared<ReservedMemory>();
};

}  // namespace concordat::peer
