#include "keyservice/agent/stream_exchange_io.hpp"

#include "keyservice/keyring/envelope.hpp"

namespace concordat::keyservice::agent {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using boost::system::error_code;

StreamExchange::StreamExchange(StatePtr state, WirePtr wire, Target target, Done done)
    : state_(std::move(state)),
      wire_(std::move(wire)),
      target_(std::move(target)),
      done_(std::move(done)) {
  ++state_->streams;
}
StreamExchange::~StreamExchange() {
  --state_->streams;
}

void StreamExchange::start() {
  ended_ = wire_->parser().is_done();
  if (target_.action == Action::encrypt_stream) return wrap_data_key();
  opener_ = std::make_unique<StreamOpener>(target_.associated);
  wire_->ask_for_body([self = shared_from_this()](error_code error) {
    if (!error) self->read_envelope();
  });
}

void StreamExchange::ask_custodian(RequestBody body, std::function<void(ResponseBody)> then) {
  state_->parts.link.request(std::move(body), [self = shared_from_this(), then = std::move(then)](
                                                  Result<ResponseBody> result) {
    if (self->state_->stopped) return;
    if (!result) return self->fail(result.error());
    if (const auto* failure = std::get_if<Failure>(&*result)) {
      return self->done_(refusal(failure->code, failure->detail, self->wire_->request_id));
    }
    then(*std::move(result));
  });
}

void StreamExchange::wrap_data_key() {
  const auto key = std::make_shared<SecretBytes>(SecretBytes::random(kStreamDataKey));
  ask_custodian(WrapRequest{target_.name, key->clone()}, [self = shared_from_this(),
                                                          key](const ResponseBody& body) {
    const auto* made = std::get_if<MadeEnvelope>(&body);
    if (made == nullptr || made->envelope.empty() || made->envelope.size() > kMaxStreamEnvelope) {
      return self->fail(Error(Errc::malformed_response, "not a wrapped key"));
    }
    self->sealer_ = std::make_unique<StreamSealer>(*key, made->envelope, self->target_.associated);
    self->wire_->ask_for_body([self](error_code error) {
      if (!error) self->send(self->sealer_->header(), [self] { self->pump(); });
    });
  });
}

void StreamExchange::read_envelope() {
  auto envelope = opener_->wrapped(ended_);
  if (!envelope) return fail(envelope.error());
  if (*envelope) return unwrap_data_key(**std::move(envelope));
  read_more([self = shared_from_this()] { self->read_envelope(); });
}

void StreamExchange::unwrap_data_key(Bytes envelope) {
  // A key of the keyring is no data key, even where it may be given out.
  const auto decoded = decode_envelope(envelope);
  if (!decoded) return fail(decoded.error());
  if (decoded->kind != EnvelopeKind::wrapped_key || decoded->wrapped) {
    return fail(Error(KeyErrc::other_kind, "a stream's data key is wrapped bytes"));
  }
  ask_custodian(UnwrapRequest{target_.name, std::move(envelope)},
                [self = shared_from_this()](const ResponseBody& body) {
                  const auto* given = std::get_if<GivenBytes>(&body);
                  if (given == nullptr) {
                    return self->fail(Error(Errc::malformed_response, "no bytes"));
                  }
                  if (const auto begun = self->opener_->begin(given->bytes); !begun) {
                    return self->fail(begun.error());
                  }
                  self->pump();
                });
}

void StreamExchange::pump() {
  const auto next = sealer_ ? sealer_->next(ended_) : opener_->next(ended_);
  if (!next) return fail(next.error());
  if (!*next) return read_more([self = shared_from_this()] { self->pump(); });
  const bool finished = sealer_ ? sealer_->finished() : opener_->finished();
  send(**next, [self = shared_from_this(), finished] {
    if (finished) return self->finish();
    self->pump();
  });
}

void StreamExchange::read_more(std::function<void()> then) {
  wire_->read_body(
      sealer_ ? sealer_->room() : opener_->room(),
      [self = shared_from_this(), then = std::move(then)](error_code error, std::size_t size) {
        // Its sender is gone in the middle: what went out so far has no end.
        if (error) return self->wire_->close();
        self->sealer_ ? self->sealer_->filled(size) : self->opener_->filled(size);
        self->ended_ = self->wire_->parser().is_done();
        then();
      });
}

void StreamExchange::send(BytesView bytes, std::function<void()> then) {
  if (serializer_) {
    return wire_->write_chunk(bytes, [self = shared_from_this(), then](error_code error) {
      if (!error) then();
    });
  }
  response_ = {http::status::ok, 11};
  response_.set(http::field::content_type, "application/octet-stream");
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Request-Id", wire_->request_id);
  response_.keep_alive(wire_->keep_alive);
  response_.chunked(true);
  serializer_.emplace(response_);
  wire_->write_message_header(*serializer_,
                              [self = shared_from_this(), bytes, then](error_code error) {
                                if (!error) self->send(bytes, then);
                              });
}

void StreamExchange::finish() {
  wire_->write_last_chunk([self = shared_from_this()](error_code error) {
    if (!error) self->done_(std::nullopt);
  });
}

void StreamExchange::fail(const Error& why) {
  state_->parts.log.error("stream_refused", why,
                          {{"key", target_.name}, {"request_id", wire_->request_id}});
  if (serializer_) return wire_->close();
  done_(refusal(why, wire_->request_id));
}

}  // namespace concordat::keyservice::agent
