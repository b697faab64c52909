#include "deploy/lab/kms_server.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <csignal>

#include "deploy/lab/error.hpp"
#include "peer/stream_io.hpp"

namespace concordat::lab {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Error;
using base::Result;
using base::Status;
using boost::system::error_code;
using keyservice::HttpHeader;
using keyservice::HttpReply;
using keyservice::HttpRequest;

using Plain = peer::StreamSocket;
using Tls = asio::ssl::stream<peer::StreamSocket>;

constexpr std::size_t kMaxBody = 512 * 1024;
constexpr std::size_t kMaxBuffer = 64 * 1024;
constexpr std::chrono::seconds kIdle{30};
constexpr unsigned kMaxSessions = 64;

HttpRequest from_beast(http::request<http::string_body>&& request) {
  HttpRequest out{std::string(request.method_string()), std::string(request.target()), {}, {}};
  for (const auto& field : request) {
    HttpHeader header{std::string(field.name_string()), std::string(field.value())};
    for (char& c : header.name)
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.headers.push_back(std::move(header));
  }
  out.body = std::move(request.body());
  return out;
}

http::response<http::string_body> to_beast(HttpReply&& reply, bool keep_alive) {
  http::response<http::string_body> out{static_cast<http::status>(reply.status), 11};
  for (const HttpHeader& header : reply.headers)
    out.insert(header.name, header.value);
  out.body() = std::move(reply.body);
  out.keep_alive(keep_alive);
  out.prepare_payload();
  return out;
}

// What all sessions share; outlives them.
struct Shared {
  KmsHandler handler;
  unsigned sessions = 0;
};

// One connection: request, reply, request... A session lives as long as an operation of it is
// pending; the timer closes the socket, which ends the operation.
template <class Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
 public:
  template <class... Arguments>
  explicit Session(Shared& shared, Arguments&&... arguments)
      : shared_(shared),
        stream_(std::forward<Arguments>(arguments)...),
        timer_(stream_.get_executor()) {
    ++shared_.sessions;
  }
  ~Session() { --shared_.sessions; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    if constexpr (std::is_same_v<Stream, Tls>) {
      arm();
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code failed) {
                                if (!failed) self->read();
                                self->disarm_on(failed);
                              });
    } else {
      read();
    }
  }

 private:
  void arm() {
    timer_.expires_after(kIdle);
    timer_.async_wait([weak = this->weak_from_this()](error_code stopped) {
      const auto self = weak.lock();
      error_code ignored;
      if (self && !stopped) self->stream_.lowest_layer().close(ignored);
    });
  }
  void disarm_on(error_code failed) {
    if (failed) timer_.cancel();
  }

  void read() {
    arm();
    parser_.emplace();
    parser_->body_limit(kMaxBody);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code failed, std::size_t) {
                       if (!failed) self->answer();
                       self->disarm_on(failed);
                     });
  }

  void answer() {
    auto request = parser_->release();
    const bool keep_alive = request.keep_alive();
    reply_ = to_beast(shared_.handler(from_beast(std::move(request))), keep_alive);
    http::async_write(
        stream_, reply_,
        [self = this->shared_from_this(), keep_alive](error_code failed, std::size_t) {
          if (!failed && keep_alive) return self->read();
          self->timer_.cancel();
        });
  }

  Shared& shared_;
  Stream stream_;
  asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_{kMaxBuffer};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> reply_;
};

Status check_plain(const peer::Endpoint& endpoint) {
  const auto* tcp = std::get_if<peer::TcpEndpoint>(&endpoint);
  const bool reachable =
      tcp ? !peer::is_loopback(*tcp) : std::holds_alternative<peer::VsockEndpoint>(endpoint);
  if (!reachable) return {};
  return Error(LabErrc::bad_name, peer::to_string(endpoint) +
                                      ": plain HTTP only on a loopback address or a Unix socket");
}

}  // namespace

class KmsServer::Impl {
 public:
  explicit Impl(KmsHandler handler) : shared_{std::move(handler)} {}

  Status open(const KmsListeners& listeners, const Credential& identity) {
    SSL_CTX* const tls = tls_.native_handle();
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    if (SSL_CTX_use_certificate(tls, identity.certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(tls, identity.key.get()) != 1) {
      return base::openssl_error("setting up TLS");
    }
    if (listeners.https) {
      CONCORDAT_TRY(https_, peer::Listener::open(loop_, *listeners.https));
      https_->start(
          [this](Plain stream, const peer::PeerAddress&) { begin<Tls>(std::move(stream), tls_); });
    }
    if (listeners.http) {
      CONCORDAT_CHECK(check_plain(*listeners.http));
      CONCORDAT_TRY(http_, peer::Listener::open(loop_, *listeners.http));
      http_->start(
          [this](Plain stream, const peer::PeerAddress&) { begin<Plain>(std::move(stream)); });
    }
    return {};
  }

  void run() {
    signals_.async_wait([this](error_code failed, int) {
      if (!failed) loop_.stop();
    });
    loop_.run();
  }
  void stop() { loop_.stop(); }

  [[nodiscard]] const peer::Listener* https() const { return https_.get(); }
  [[nodiscard]] const peer::Listener* http() const { return http_.get(); }

 private:
  template <class Stream, class... Arguments>
  void begin(Arguments&&... arguments) {
    if (shared_.sessions >= kMaxSessions) return;  // the socket closes
    std::make_shared<Session<Stream>>(shared_, std::forward<Arguments>(arguments)...)->start();
  }

  Shared shared_;  // before the loop: pending handlers, and sessions in them, die with the loop
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  asio::io_context loop_{1};
  asio::signal_set signals_{loop_, SIGTERM, SIGINT};
  std::unique_ptr<peer::Listener> https_;
  std::unique_ptr<peer::Listener> http_;
};

KmsServer::KmsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KmsServer::~KmsServer() = default;

Result<std::unique_ptr<KmsServer>> KmsServer::open(const KmsListeners& listeners,
                                                   const Credential& identity, KmsHandler handler) {
  auto impl = std::make_unique<Impl>(std::move(handler));
  CONCORDAT_CHECK(impl->open(listeners, identity));
  return std::unique_ptr<KmsServer>(new KmsServer(std::move(impl)));
}

std::optional<peer::Endpoint> KmsServer::https() const {
  return impl_->https() ? std::optional(impl_->https()->local()) : std::nullopt;
}
std::optional<peer::Endpoint> KmsServer::http() const {
  return impl_->http() ? std::optional(impl_->http()->local()) : std::nullopt;
}
void KmsServer::run() {
  impl_->run();
}
void KmsServer::stop() {
  impl_->stop();
}

}  // namespace concordat::lab
