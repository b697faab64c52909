#include "keyservice/agent/connection_io.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/cbor.hpp"
#include "attest/base/request_id.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/agent/description.hpp"
#include "keyservice/agent/stream_exchange_io.hpp"

namespace concordat::keyservice::agent {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using boost::system::error_code;

namespace {

// With or without a port.
bool names_this_machine(std::string_view host) {
  for (const std::string_view name : {"localhost", "127.0.0.1", "[::1]"}) {
    if (host == name) return true;
    if (host.starts_with(name) && host[name.size()] == ':') return true;
  }
  return false;
}

std::string_view text_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

Connection::Connection(peer::StreamSocket socket, bool is_tcp,
                       std::shared_ptr<AgentServer::State> state)
    : state_(std::move(state)),
      wire_(std::make_shared<Wire>(std::move(socket), is_tcp, state_->parts.patience)) {
  ++state_->connections;
}
Connection::~Connection() {
  --state_->connections;
}

void Connection::read() {
  wire_->read_header([self = shared_from_this()](error_code error) { self->on_header(error); });
}

void Connection::on_header(error_code error) {
  wire_->request_id = base::random_request_id();
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refuse(
        Error(ApiErrc::header_too_large, "more than " + std::to_string(kMaxHeader) + " bytes"));
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) return;
  if (error.category() == make_error_code(http::error::end_of_stream).category()) {
    return refuse(Error(Errc::malformed_request, error.message()));
  }
  if (error) return;
  const auto& request = wire_->parser().get();
  wire_->keep_alive = request.keep_alive();
  wire_->request_id = base::request_id_from(text_of(request["X-Request-Id"]));
  if (request.find(http::field::transfer_encoding) != request.end() && !wire_->parser().chunked()) {
    return refuse(Error(Errc::malformed_request, "a Transfer-Encoding other than chunked"));
  }
  if (wire_->is_tcp() && !names_this_machine(text_of(request[http::field::host]))) {
    return refuse(Error(ApiErrc::foreign_host, "on TCP, Host is localhost or 127.0.0.1"));
  }
  if (wire_->is_tcp() && request.find(http::field::origin) != request.end()) {
    return refuse(Error(ApiErrc::foreign_host, "a page in a browser asks (Origin)"));
  }
  auto target = parse_target(text_of(request.method_string()), text_of(request.target()));
  if (!target) return refuse(target.error());
  target_ = *std::move(target);
  bare_ = request[http::field::accept] == "application/octet-stream";
  if (target_.streams()) return stream();
  const bool takes_body = request.method() == http::verb::post;
  if (!takes_body && !wire_->parser().is_done()) {
    return refuse(Error(Errc::malformed_request, "this path takes no body"));
  }
  if (wire_->parser().content_length().value_or(0) > kMaxBody) {
    return refuse(
        Error(ApiErrc::body_too_large, "more than " + std::to_string(kMaxBody) + " bytes"));
  }
  if (!takes_body) return perform({});
  body_ = SecretBytes::zeroed(kMaxBody + 1);
  wire_->ask_for_body([self = shared_from_this()](error_code failed) {
    if (!failed) self->read_body(0);
  });
}

void Connection::read_body(std::size_t filled) {
  if (wire_->parser().is_done()) return perform(body_.expose(SecretAccess{}).first(filled));
  if (filled > kMaxBody) {
    return refuse(
        Error(ApiErrc::body_too_large, "more than " + std::to_string(kMaxBody) + " bytes"));
  }
  wire_->read_body(body_.expose_mutable(SecretAccess{}).subspan(filled),
                   [self = shared_from_this(), filled](error_code error, std::size_t size) {
                     if (error) return self->wire_->close();
                     self->read_body(filled + size);
                   });
}

void Connection::perform(BytesView body) {
  switch (target_.action) {
    case Action::get:
      return get_key();
    case Action::attestation:
      return attest();
    case Action::health:
      return report_health();
    case Action::wait_for_ready:
      return wait_for_ready();
    case Action::description:
      return write({200, std::string(description()), {}});
    default:
      break;
  }
  auto request = parse_body(target_, body);
  body_.wipe();
  if (!request) return write(refusal(request.error(), wire_->request_id));
  call(*std::move(request));
}

// Ends early for a caller that says more or hangs up: a place is held for nobody who is gone.
void Connection::wait_for_ready() {
  const auto wait = state_->wait_for_ready(std::chrono::seconds(target_.timeout_seconds),
                                           [self = shared_from_this()] { self->report_health(); });
  if (!wait) return write(refusal(wait.error(), wire_->request_id));
  if (!*wait) return;
  wire_->on_more([state = state_, id = **wait] { state->end_wait(id); });
}

void Connection::get_key() {
  if (const ReleasedKey* kept = state_->cached(target_.name, target_.version)) {
    return write(released(target_.name, *kept, bare_));
  }
  call(GetRequest{target_.name, target_.version});
}

void Connection::call(RequestBody body) {
  state_->parts.link.request(
      std::move(body), [self = shared_from_this(),
                        epoch = state_->keys.epoch()](const Result<ResponseBody>& result) {
        if (!result) return self->write(refusal(result.error(), self->wire_->request_id));
        if (const auto* key = std::get_if<ReleasedKey>(&*result)) {
          const auto kept =
              self->state_->keep(self->target_.name, self->target_.version, *key, epoch);
          if (!kept) return self->write(refusal(kept.error(), self->wire_->request_id));
        }
        self->write(answer_of(self->target_, *result, self->bare_, self->wire_->request_id));
      });
}

// user_data travels under the agent's own domain, so that no document made here serves a handshake
// (attest/mint.hpp, purpose application).
void Connection::attest() {
  attest::MintRequest order;
  order.purpose = attest::Purpose::application;
  order.nonce = target_.nonce;
  if (target_.user_data) {
    order.items = {std::move(base::cbor::Writer().bytes(*target_.user_data)).take(), 1};
  }
  const auto queued = state_->parts.nsm.mint(
      std::move(order), peer::MintPriority::stranger,
      [self = shared_from_this()](const Result<Bytes>& document) {
        if (!document) return self->write(refusal(document.error(), self->wire_->request_id));
        const nlohmann::ordered_json json = {{"document", base::to_base64(*document)}};
        self->write({200, json.dump() + "\n", {}});
      });
  if (!queued) write(refusal(Error(Errc::overloaded, "documents"), wire_->request_id));
}

void Connection::report_health() {
  state_->check_enclave();
  const Facts facts = state_->facts();
  write({ready(facts) ? 200u : 503u, health_json(facts), {}});
}

void Connection::stream() {
  if (wire_->parser().get().version() < 11) {
    return refuse(Error(Errc::malformed_request,
                        "streams want HTTP/1.1: before, an end and a break look the same"));
  }
  if (state_->streams >= kMaxStreams) {
    return refuse(Error(Errc::overloaded, std::to_string(kMaxStreams) + " streams at once"));
  }
  const auto done = [self = shared_from_this()](std::optional<Answer> answer) {
    if (!answer) return self->next();
    self->wire_->keep_alive = self->wire_->keep_alive && self->wire_->parser().is_done();
    self->write(*std::move(answer));
  };
  std::make_shared<StreamExchange>(state_, wire_, target_, done)->start();
}

void Connection::refuse(const Error& why) {
  wire_->keep_alive = false;
  Answer answer = refusal(why, wire_->request_id);
  if (why.is(ApiErrc::method_not_allowed)) answer.allow = why.detail();
  write(std::move(answer));
}

void Connection::write(Answer answer) {
  if (state_->stopped && target_.action != Action::wait_for_ready) return;
  answer_ = std::move(answer);
  // The body is written from where it is: guarded bytes are copied by the kernel alone.
  const BytesView body =
      answer_.text.empty() ? answer_.secret.expose(SecretAccess{}) : base::as_bytes(answer_.text);
  response_.emplace(static_cast<http::status>(answer_.status), 11);
  response_->set(http::field::content_type, answer_.type);
  response_->set(http::field::cache_control, "no-store");
  response_->set("X-Request-Id", wire_->request_id);
  if (!answer_.allow.empty()) response_->set(http::field::allow, answer_.allow);
  response_->keep_alive(wire_->keep_alive);
  response_->body() = {reinterpret_cast<const char*>(body.data()), body.size()};
  response_->prepare_payload();
  serializer_.emplace(*response_);
  wire_->write_message(*serializer_, [self = shared_from_this()](error_code error) {
    self->answer_ = {};  // wipes what was sent
    if (!error) self->next();
  });
}

void Connection::next() {
  body_.wipe();
  if (state_->stopped) return;
  if (!wire_->keep_alive) return wire_->end();
  read();
}

}  // namespace concordat::keyservice::agent
