#include "keyservice/agent_io.hpp"

#include <sodium.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <nlohmann/json.hpp>

#include "attest/base/cbor.hpp"
#include "attest/base/json.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"
#include "keyservice/keyring/envelope.hpp"
#include "policy/errc.hpp"

namespace concordat::keyservice {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Bytes;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using nlohmann::ordered_json;

constexpr std::string_view kKeys = "/v1/keys/";
constexpr std::string_view kSign = "/v1/sign/";
constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kMaxRequestId = 64;
// A message to sign in base64, and what JSON puts around it.
constexpr std::size_t kMaxBody = kMaxSignMessage / 3 * 4 + 256;
constexpr std::size_t kMaxApplicationData = 512;
constexpr std::chrono::milliseconds kIdle = std::chrono::seconds(60);

// What a response carries: text of ours, or guarded bytes.
struct Answer {
  http::status status = http::status::ok;
  std::string text;
  SecretBytes secret;
  const char* type = "application/json";
};

http::status status_of(std::string_view code) {
  if (code == "not_granted") return http::status::forbidden;
  if (code == "bad_key_name" || code == "malformed_request") return http::status::bad_request;
  if (code == "message_too_large") return http::status::payload_too_large;
  if (code == "timed_out") return http::status::gateway_timeout;
  // The policy has ended, or nobody confirms it: it may come back.
  if (code.starts_with("freshness_") || code == "policy_expired") {
    return http::status::service_unavailable;
  }
  if (code == "overloaded" || code == "not_ready" || code == "custodian_unreachable" ||
      code == "stopping") {
    return http::status::service_unavailable;
  }
  return http::status::bad_gateway;
}

Answer failure(http::status status, std::string_view code, std::string_view message,
               std::string_view request_id) {
  const ordered_json body = {
      {"error", {{"code", code}, {"message", message}, {"request_id", request_id}}}};
  return {status, body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n", {}};
}

Answer failure(const Error& error, std::string_view request_id) {
  return failure(status_of(error.name()), error.name(), error.to_string(), request_id);
}

// {"name":..,"version":..,"key":"<base64>"}, built in guarded memory from its first secret byte on.
SecretBytes key_json(const std::string& name, const ReleasedKey& released) {
  const std::string head = R"({"name":)" + ordered_json(name).dump() + R"(,"version":)" +
                           std::to_string(released.version) + R"(,"key":")";
  constexpr std::string_view tail = "\"}\n";
  const std::size_t encoded =
      sodium_base64_ENCODED_LEN(released.key.size(), sodium_base64_VARIANT_ORIGINAL);
  SecretBytes out = SecretBytes::zeroed(head.size() + encoded - 1 + tail.size());
  const auto bytes = out.expose_mutable(SecretAccess{});
  std::ranges::copy(base::as_bytes(head), bytes.begin());
  // sodium writes a terminating zero, which the tail overwrites.
  sodium_bin2base64(reinterpret_cast<char*>(bytes.data() + head.size()), encoded,
                    released.key.expose(SecretAccess{}).data(), released.key.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  std::ranges::copy(base::as_bytes(tail),
                    bytes.begin() + static_cast<std::ptrdiff_t>(head.size() + encoded - 1));
  return out;
}

std::string random_request_id() {
  Bytes bytes(12);
  randombytes_buf(bytes.data(), bytes.size());
  return base::to_hex(bytes);
}

// The caller's request id where it is harmless to repeat, otherwise one of ours.
std::string request_id_from(std::string_view header) {
  const bool plain =
      !header.empty() && header.size() <= kMaxRequestId && std::ranges::all_of(header, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
      });
  return plain ? std::string(header) : random_request_id();
}

// {"message": base64}, and nothing else.
Result<Bytes> message_of(const std::string& body) {
  const auto malformed = [](const std::string& why) {
    return Error(Errc::malformed_request, why + "; want {\"message\": base64}");
  };
  const auto json = base::parse_strict_json(body, 1);
  if (!json) return malformed(json.error().to_string());
  const auto member = json->find("message");
  if (json->size() != 1 || member == json->end() || !member->is_string())
    return malformed("other members");
  auto message = base::from_base64(member->get_ref<const std::string&>());
  if (!message) return malformed("message: " + message.error().to_string());
  if (message->size() > kMaxSignMessage) {
    return Error(Errc::message_too_large,
                 "more than " + std::to_string(kMaxSignMessage) + " bytes to sign");
  }
  return message;
}

struct AttestationQuery {
  std::optional<Bytes> nonce;
  std::optional<Bytes> user_data;
};

Result<AttestationQuery> parse_query(const boost::urls::url_view& url) {
  AttestationQuery query;
  for (const auto& parameter : url.params()) {
    auto* field = parameter.key == "nonce"       ? &query.nonce
                  : parameter.key == "user_data" ? &query.user_data
                                                 : nullptr;
    if (field == nullptr || field->has_value()) {
      return Error(Errc::malformed_request, "parameter '" + std::string(parameter.key) + "'");
    }
    const auto bytes = base::from_hex(parameter.value);
    if (!bytes)
      return Error(Errc::malformed_request, parameter.key + ": " + bytes.error().to_string());
    if (bytes->size() > kMaxApplicationData) {
      return Error(Errc::message_too_large,
                   parameter.key + ": more than " + std::to_string(kMaxApplicationData) + " bytes");
    }
    *field = *bytes;
  }
  return query;
}

}  // namespace

struct AgentServer::Shared {
  EnclaveRuntime& runtime;
  CustodianLink& link;
  base::Logger& log;
  std::size_t connections = 0;
  bool stopped = false;
};

class AgentServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(peer::StreamSocket stream, std::shared_ptr<Shared> shared)
      : stream_(std::move(stream)), idle_(stream_.get_executor()), shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Connection() { --shared_->connections; }

  void read() {
    parser_.emplace();
    parser_->body_limit(kMaxBody);
    close_when_idle();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                       self->idle_.cancel();
                       self->on_request(error);
                     });
  }

 private:
  using Request = http::request<http::string_body>;

  // Who neither sends nor takes anything for a minute is gone.
  void close_when_idle() {
    idle_.expires_after(kIdle);
    idle_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      boost::system::error_code ignored;  // nobody is left to tell
      if (!error) self->stream_.close(ignored);
    });
  }

  void on_request(boost::system::error_code error) {
    request_id_ = random_request_id();
    if (error == http::error::body_limit) {
      keep_alive_ = false;
      return write(failure(Error(Errc::message_too_large), request_id_));
    }
    if (error) return;
    const Request& request = parser_->get();
    keep_alive_ = request.keep_alive();
    const auto header = request["X-Request-Id"];
    request_id_ = request_id_from({header.data(), header.size()});
    const auto url = boost::urls::parse_origin_form(request.target());
    if (!url)
      return write(failure(http::status::bad_request, "malformed_request", "target", request_id_));
    route(request, *url);
  }

  void route(const Request& request, const boost::urls::url_view& url) {
    const std::string path(url.encoded_path().data(), url.encoded_path().size());
    const auto method = request.method();
    if (path.starts_with(kKeys)) {
      if (method == http::verb::get) return get_key(path.substr(kKeys.size()), request);
    } else if (path.starts_with(kSign)) {
      if (method == http::verb::post) return sign(path.substr(kSign.size()), request);
    } else if (path == "/v1/attestation") {
      if (method == http::verb::get) return attest(url);
    } else if (path == "/v1/health") {
      if (method == http::verb::get) return health();
    } else {
      return write(failure(http::status::not_found, "not_found", "no such path", request_id_));
    }
    write(failure(http::status::method_not_allowed, "method_not_allowed",
                  "another method is needed here", request_id_));
  }

  void get_key(std::string name, const Request& request) {
    const bool bare = request[http::field::accept] == "application/octet-stream";
    shared_->link.request(
        GetRequest{name, 0}, [self = shared_from_this(), name, bare](Result<ResponseBody> result) {
          self->answer_with(std::move(result), [&](ResponseBody& body) -> std::optional<Answer> {
            auto* key = std::get_if<ReleasedKey>(&body);
            if (key == nullptr) return std::nullopt;
            if (bare) {
              return Answer{http::status::ok, {}, std::move(key->key), "application/octet-stream"};
            }
            return Answer{http::status::ok, {}, key_json(name, *key)};
          });
        });
  }

  void sign(std::string name, const Request& request) {
    auto message = message_of(request.body());
    if (!message) return write(failure(message.error(), request_id_));
    shared_->link.request(SignRequest{name, *std::move(message)}, [self = shared_from_this(), name](
                                                                      Result<ResponseBody> result) {
      self->answer_with(std::move(result), [&](ResponseBody& body) -> std::optional<Answer> {
        const auto* made = std::get_if<MadeEnvelope>(&body);
        if (made == nullptr) return std::nullopt;
        const auto envelope = decode_envelope(made->envelope);
        if (!envelope) return std::nullopt;
        const ordered_json json = {{"name", name},
                                   {"version", envelope->key_version},
                                   {"algorithm", to_string(envelope->algorithm)},
                                   {"signature", base::to_base64(envelope->body)},
                                   {"envelope", base::to_base64(made->envelope)}};
        return Answer{http::status::ok, json.dump() + "\n", {}};
      });
    });
  }

  template <class Make>
  void answer_with(Result<ResponseBody> result, Make&& make) {
    if (!result) return write(failure(result.error(), request_id_));
    if (const auto* refused = std::get_if<Failure>(&*result)) {
      return write(failure(status_of(refused->code), refused->code, refused->detail, request_id_));
    }
    auto answer = make(*result);
    if (!answer) return write(failure(Error(Errc::malformed_response), request_id_));
    write(*std::move(answer));
  }

  void attest(const boost::urls::url_view& url) {
    auto query = parse_query(url);
    if (!query) return write(failure(query.error(), request_id_));
    attest::MintRequest order;
    order.purpose = attest::Purpose::application;
    order.nonce = std::move(query->nonce);
    if (query->user_data) {
      order.items = {std::move(base::cbor::Writer().bytes(*query->user_data)).take(), 1};
    }
    const auto queued = shared_->runtime.nsm().mint(
        std::move(order), peer::MintPriority::stranger,
        [self = shared_from_this()](const Result<Bytes>& document) {
          if (!document) return self->write(failure(document.error(), self->request_id_));
          const ordered_json json = {{"document", base::to_base64(*document)}};
          self->write({http::status::ok, json.dump() + "\n", {}});
        });
    if (!queued) write(failure(Error(Errc::overloaded, "documents"), request_id_));
  }

  void health() {
    const auto now = shared_->runtime.party().clock();
    const auto policy = now ? shared_->runtime.party().policies->at(now->wall)
                            : Result<policy::PolicyPtr>(now.error());
    const auto memory = base::secret_memory_status();
    const auto& link = shared_->link.state();
    const bool ready = now && policy && shared_->link.connected();
    const auto reason = [](const auto& result) {
      return result ? ordered_json("ok") : ordered_json(result.error().to_string());
    };
    const ordered_json json = {
        {"ready", ready},
        {"custodian", reason(link)},
        {"clock", reason(now)},
        {"policy", {{"state", reason(policy)}, {"serial", policy ? (*policy)->serial() : 0}}},
        {"memory",
         {{"secret_bytes", memory.bytes_in_use}, {"unlocked_slabs", memory.unlocked_slabs}}},
        {"handshakes", shared_->link.handshakes()}};
    write({ready ? http::status::ok : http::status::service_unavailable,
           json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n",
           {}});
  }

  void write(Answer answer) {
    if (shared_->stopped) return;
    answer_ = std::move(answer);
    // The body is written from where it is: guarded bytes are copied by the kernel alone.
    const base::BytesView body =
        answer_.text.empty() ? answer_.secret.expose(SecretAccess{}) : base::as_bytes(answer_.text);
    response_.emplace(answer_.status, 11);
    response_->set(http::field::content_type, answer_.type);
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Request-Id", request_id_);
    response_->keep_alive(keep_alive_);
    response_->body() = {reinterpret_cast<const char*>(body.data()), body.size()};
    response_->prepare_payload();
    close_when_idle();
    http::async_write(stream_, *response_,
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        self->idle_.cancel();
                        self->answer_ = {};  // wipes what was sent
                        if (!error && self->keep_alive_) self->read();
                      });
  }

  peer::StreamSocket stream_;
  asio::steady_timer idle_;
  std::shared_ptr<Shared> shared_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::span_body<const char>>> response_;
  Answer answer_;
  std::string request_id_;
  bool keep_alive_ = true;
};

AgentServer::AgentServer(EnclaveRuntime& runtime, CustodianLink& link, base::Logger& log)
    : shared_(std::make_shared<Shared>(Shared{runtime, link, log})) {}

AgentServer::~AgentServer() {
  shared_->stopped = true;
}

void AgentServer::serve(std::unique_ptr<peer::Listener> listener) {
  listener_ = std::move(listener);
  listener_->start([shared = shared_](peer::StreamSocket stream, const peer::PeerAddress&) {
    if (shared->stopped || shared->connections >= kMaxConnections) return;
    std::make_shared<Connection>(std::move(stream), shared)->read();
  });
}

void AgentServer::stop() {
  shared_->stopped = true;
  if (listener_) listener_->close();
}

}  // namespace concordat::keyservice
