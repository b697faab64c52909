#include "peer/secure_stream_io.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "attest/base/secret_access.hpp"
#include "peer/error.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kInbox = 64 * 1024;
constexpr std::size_t kKeptBuffer = 64 * 1024;

}  // namespace

SecureStream::SecureStream(StreamSocket socket, Party& party, EvidenceSource source, Events events,
                           StreamTimeouts timeouts)
    : socket_(std::move(socket)),
      party_(party),
      io_(static_cast<boost::asio::io_context&>(
          boost::asio::query(socket_.get_executor(), boost::asio::execution::context))),
      source_(source),
      events_(std::make_shared<Events>(std::move(events))),
      timeouts_(timeouts),
      deadline_(socket_.get_executor()),
      inbox_(kInbox) {}

template <class Step>
void SecureStream::guarded(const Step& step) noexcept {
  try {
    step();
  } catch (const std::bad_alloc&) {
    end(Error(Errc::out_of_memory));
  }
}

std::shared_ptr<SecureStream> SecureStream::initiate(StreamSocket socket, Party& party,
                                                     NsmWorker& nsm, std::string purpose,
                                                     Events events, StreamTimeouts timeouts) {
  return start(std::shared_ptr<SecureStream>(
                   new SecureStream(std::move(socket), party, &nsm, std::move(events), timeouts)),
               std::move(purpose), true);
}

std::shared_ptr<SecureStream> SecureStream::initiate(StreamSocket socket, Party& party,
                                                     const policy::Signer& signer,
                                                     std::string purpose, Events events,
                                                     StreamTimeouts timeouts) {
  return start(std::shared_ptr<SecureStream>(new SecureStream(std::move(socket), party, &signer,
                                                              std::move(events), timeouts)),
               std::move(purpose), true);
}

std::shared_ptr<SecureStream> SecureStream::respond(StreamSocket socket, Party& party,
                                                    NsmWorker& nsm, Events events,
                                                    StreamTimeouts timeouts) {
  return start(std::shared_ptr<SecureStream>(
                   new SecureStream(std::move(socket), party, &nsm, std::move(events), timeouts)),
               {}, false);
}

std::shared_ptr<SecureStream> SecureStream::start(std::shared_ptr<SecureStream> stream,
                                                  std::string purpose, bool initiate) {
  boost::asio::post(stream->socket_.get_executor(),
                    [stream, purpose = std::move(purpose), initiate]() mutable {
                      stream->guarded([&] { stream->begin(std::move(purpose), initiate); });
                    });
  return stream;
}

Handshake* SecureStream::handshake() noexcept {
  if (auto* initiator = std::get_if<std::unique_ptr<Initiator>>(&handshake_))
    return initiator->get();
  if (auto* responder = std::get_if<std::unique_ptr<Responder>>(&handshake_))
    return responder->get();
  return nullptr;
}

void SecureStream::begin(std::string purpose, bool initiate) {
  if (ended_) return;
  const auto now = party_.clock();
  if (!now) return end(now.error());
  auto context = party_.context();
  if (!context) return end(context.error());
  arm_deadline();
  if (initiate) {
    auto& initiator = handshake_.emplace<std::unique_ptr<Initiator>>(
        std::make_unique<Initiator>(*std::move(context), std::move(purpose)));
    perform(initiator->start());
  } else {
    handshake_ = std::make_unique<Responder>(*std::move(context));
  }
  read();
}

void SecureStream::arm_deadline() {
  deadline_.expires_after(timeouts_.handshake);
  deadline_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->end(Error(Errc::timed_out));
  });
}

void SecureStream::read() {
  // One read at a time, and none while a document is being made, frames wait for their turn or
  // answers pile up: the kernel's buffer fills, and the other side feels it.
  if (ended_ || reading_ || minting_ || yielded_ || bytes_waiting() > kMaxWaiting) return;
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(inbox_),
      [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
        self->reading_ = false;
        self->guarded([&] { self->on_bytes(error, size); });
      });
}

void SecureStream::on_bytes(boost::system::error_code error, std::size_t size) {
  if (ended_) return;
  if (error == boost::asio::error::eof) {
    const bool in_order = established_ && frames_.at_boundary() && established_->opener.closed();
    if (end_after_writing_) return end(*end_after_writing_);
    return end(in_order ? Status() : Status(Error(Errc::truncated)));
  }
  if (error) return end(Error(error));
  frames_.feed(base::BytesView(inbox_).first(size));
  process();
  read();
}

void SecureStream::process() {
  for (std::size_t handled = 0; !ended_ && !minting_ && !yielded_; ++handled) {
    if (handled == kFramesATurn) {
      yielded_ = true;
      boost::asio::post(io_, [self = shared_from_this()] {
        self->guarded([&] {
          self->yielded_ = false;
          self->process();
          self->read();
        });
      });
      return;
    }
    const AllowedFrames allowed =
        established_ ? AllowedFrames(FrameType::data, FrameType::close) : handshake()->allowed();
    const auto frame = frames_.next(allowed);
    if (!frame) return established_ ? end(frame.error()) : handshake_failed(frame.error());
    if (!*frame) return;
    if (established_) {
      on_record(**frame);
    } else {
      on_handshake_frame(**frame);
    }
  }
}

void SecureStream::on_handshake_frame(const Frame& frame) {
  if (end_after_writing_) {  // the one refuse that may follow a refusal
    auto* responder = std::get_if<std::unique_ptr<Responder>>(&handshake_);
    if (responder != nullptr && (*responder)->on_late_refuse(frame)) {
      const Bytes offered = (*responder)->offered_policy();
      const Status taken = party_.offer_policy(offered);
      if (!taken) return end(taken.error());
    }
    return end(*end_after_writing_);
  }
  const auto now = party_.clock();
  if (!now) return handshake_failed(now.error());
  if (auto* initiator = std::get_if<std::unique_ptr<Initiator>>(&handshake_)) {
    return perform((*initiator)->on_frame(frame, *now));
  }
  perform(std::get<std::unique_ptr<Responder>>(handshake_)->on_frame(frame, *now));
}

void SecureStream::perform(Result<HandshakeAction> action) {
  if (!action) return handshake_failed(action.error());
  if (!action->send.empty()) write(action->send);
  if (action->mint) return mint(*std::move(action->mint));
  if (action->sign) return sign(*action->sign);
  if (handshake()->state() == HandshakeState::established) become_established();
}

void SecureStream::mint(attest::MintRequest request) {
  auto* const nsm = std::get_if<NsmWorker*>(&source_);
  if (nsm == nullptr) return handshake_failed(Error(Errc::wrong_state, "an operator has no NSM"));
  const bool ours = std::holds_alternative<std::unique_ptr<Initiator>>(handshake_);
  minting_ = true;
  const Status queued =
      (*nsm)->mint(std::move(request), ours ? MintPriority::own : MintPriority::stranger,
                   [self = shared_from_this()](Result<Bytes> document) {
                     self->guarded([&] { self->on_document(std::move(document)); });
                   });
  if (!queued) handshake_failed(queued.error());
}

void SecureStream::sign(const Bytes& message) {
  auto* const signer = std::get_if<const policy::Signer*>(&source_);
  if (signer == nullptr) return handshake_failed(Error(Errc::wrong_state, "no signer"));
  const auto signature = (*signer)->sign(message);
  if (!signature) return handshake_failed(signature.error());
  const auto now = party_.clock();
  if (!now) return handshake_failed(now.error());
  perform(std::get<std::unique_ptr<Initiator>>(handshake_)->on_signature(*signature, *now));
}

void SecureStream::on_document(Result<Bytes> document) {
  minting_ = false;
  if (ended_) return;
  if (!document) return handshake_failed(document.error());
  const auto now = party_.clock();
  if (!now) return handshake_failed(now.error());
  if (auto* initiator = std::get_if<std::unique_ptr<Initiator>>(&handshake_)) {
    perform((*initiator)->on_document(*document, *now));
    if (!ended_ && (*initiator)->state() == HandshakeState::awaiting_accept) {
      early_ = initiator->get();
    }
  } else {
    perform(std::get<std::unique_ptr<Responder>>(handshake_)->on_document(*document, *now));
  }
  process();
  read();
}

void SecureStream::become_established() {
  early_ = nullptr;
  established_ = std::move(*handshake()).take_established();
  sealer_ = &established_->sealer;
  handshake_ = std::monostate();
  // The channel ends at its time even if nothing passes any more.
  deadline_.expires_after(sealer_->meter().life().time);
  deadline_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->end(Error(Errc::channel_expired, "time"));
  });
  if (const auto* enclave = std::get_if<policy::AdmittedPeer>(&established_->peer)) {
    if (events_->established) events_->established(*enclave);
  } else if (events_->operator_established) {
    events_->operator_established(std::get<policy::AdmittedOperator>(established_->peer));
  } else {
    end(Error(Errc::operators_not_served));
  }
}

void SecureStream::on_record(const Frame& frame) {
  const auto now = party_.clock();
  if (!now) return end(now.error());
  const std::size_t size = frame.body().size() - std::min(frame.body().size(), kAeadTagSize);
  base::SecretBytes payload = base::SecretBytes::zeroed(size);
  const auto opened = established_->opener.open(frame, now->monotonic,
                                                payload.expose_mutable(base::SecretAccess{}));
  if (!opened) return end(opened.error());
  if (*opened == 0) return close();  // answers the other side's close with ours
  if (events_->record) events_->record(std::move(payload));
}

void SecureStream::handshake_failed(const Error& error) {
  if (end_after_writing_) return end(*end_after_writing_);
  Handshake* machine = handshake();
  if (machine == nullptr || machine->state() != HandshakeState::failed) return end(error);
  // Copies: a policy that is taken ends streams of the older one, this one among them.
  const Bytes offered = machine->offered_policy();
  const Bytes farewell = machine->farewell();
  refused_document_ = machine->refused_document();
  if (!offered.empty()) {
    // Whether it was taken shows in the next dial; this attempt is over either way.
    const Status taken = party_.offer_policy(offered);
    if (!taken) return end(taken.error());
  }
  if (ended_) return;
  if (farewell.empty()) return end(error);
  end_after_writing_ = error;
  write(farewell);
}

Status SecureStream::send(base::BytesView payload) {
  if (ended_ || !can_send()) return Error(Errc::wrong_state, "no channel");
  if (bytes_waiting() > kMaxWaiting) return Error(Errc::busy, "records waiting to be written");
  CONCORDAT_TRY(const Now now, party_.clock());
  CONCORDAT_CHECK(early_ != nullptr ? early_->seal_early(payload, now, outbox_)
                                    : sealer_->seal(payload, now.monotonic, outbox_));
  write_waiting();
  return {};
}

void SecureStream::close() {
  if (ended_) return;
  if (!established_) return end(Error(Errc::channel_closed));
  if (!sealer_->closed()) {
    if (const Status sealed = sealer_->close(outbox_); !sealed) return end(sealed.error());
    write_waiting();
    arm_deadline();
  }
}

void SecureStream::abort(Error why) noexcept {
  end(std::move(why));
}

bool SecureStream::wants_renewal() const {
  if (!established_) return false;
  const auto now = party_.clock();
  return !now || established_->sealer.meter().wants_renewal(now->monotonic) ||
         established_->opener.meter().wants_renewal(now->monotonic);
}

void SecureStream::write(base::BytesView frame) {
  outbox_.insert(outbox_.end(), frame.begin(), frame.end());
  write_waiting();
}

void SecureStream::write_waiting() {
  if (!written_.empty() || outbox_.empty()) return;
  guarded([&] {
    std::swap(written_, outbox_);
    boost::asio::async_write(
        socket_, boost::asio::buffer(written_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t) {
          self->guarded([&] { self->on_written(error); });
        });
  });
}

void SecureStream::on_written(boost::system::error_code error) {
  if (ended_) return;
  if (error) return end(Error(error));
  written_.clear();
  // A burst does not keep its memory: there may be thousands of quiet channels.
  if (written_.capacity() > kKeptBuffer) written_ = Bytes();
  if (!outbox_.empty()) return write_waiting();
  if (events_->drained && established_) events_->drained();
  if (ended_) return;
  if (!written_.empty()) return read();
  if (sealer_ != nullptr && sealer_->closed() && established_->opener.closed()) return end({});
  if (end_after_writing_) {
    auto* responder = std::get_if<std::unique_ptr<Responder>>(&handshake_);
    if (responder == nullptr || !(*responder)->expects_policy()) return end(*end_after_writing_);
  }
  read();
}

void SecureStream::end(Status status) noexcept {
  if (ended_) return;
  ended_ = true;
  deadline_.cancel();
  early_ = nullptr;
  sealer_ = nullptr;
  handshake_ = std::monostate();
  boost::system::error_code ignored;  // the stream is over; there is nobody to tell
  socket_.shutdown(StreamSocket::shutdown_both, ignored);
  socket_.close(ignored);
  end_status_ = std::move(status);
  // Posted, so that nobody is called back from inside their own call, and in memory that is there.
  // The events go with it: they hold whoever holds this stream, and the circle must open even if
  // the io_context ends first.
  boost::asio::post(
      io_, with(farewell_, [self = shared_from_this(), events = std::exchange(events_, nullptr)] {
        self->established_.reset();
        if (events->ended) events->ended(self->end_status_);
      }));
}

}  // namespace concordat::peer
