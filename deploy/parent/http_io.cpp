#include "deploy/parent/http_io.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "peer/relay/linger_io.hpp"

namespace concordat::parent {

class HttpTls {
 public:
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
};

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Error;
using boost::system::error_code;

constexpr std::uint32_t kMaxHeader = 8 * 1024;

// Closes a socket when a deadline passes; what waits on it then fails.
class Deadline {
 public:
  explicit Deadline(peer::StreamSocket& socket) : timer_(socket.get_executor()) {}

  template <class Owner>
  void set(std::chrono::milliseconds timeout, const std::shared_ptr<Owner>& owner,
           peer::StreamSocket& socket) {
    timer_.expires_after(timeout);
    timer_.async_wait([weak = std::weak_ptr<Owner>(owner), &socket](error_code failure) {
      const auto alive = weak.lock();  // the socket is the owner's
      if (failure || !alive) return;
      error_code ignored;
      socket.close(ignored);
    });
  }
  void clear() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

std::optional<std::string> header(const http::request<http::string_body>& message,
                                  http::field field) {
  const auto found = message.find(field);
  if (found == message.end()) return {};
  return std::string(found->value());
}

class ServerSession : public std::enable_shared_from_this<ServerSession> {
 public:
  ServerSession(peer::StreamSocket stream, HttpHandler handler, HttpLimits limits,
                std::shared_ptr<void> slot, std::optional<HttpUpgrade> upgrade)
      : stream_(std::move(stream)),
        deadline_(stream_),
        handler_(std::move(handler)),
        limits_(limits),
        slot_(std::move(slot)),
        upgrade_(std::move(upgrade)) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(boost::none);  // by path, below
    parser_->header_limit(kMaxHeader);
    deadline_.set(limits_.patience, shared_from_this(), stream_);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code failure, std::size_t) { self->on_header(failure); });
  }

 private:
  void on_header(error_code failure) {
    if (failure) return on_read(failure);
    const std::string_view target(parser_->get().target());
    if (upgrade_ && target == upgrade_->path) return on_upgrade();
    const auto special = limits_.max_body_of.find(target.substr(0, target.find('?')));
    max_body_ = special == limits_.max_body_of.end() ? limits_.max_body : special->second;
    parser_->body_limit(max_body_);
    if (parser_->content_length() && *parser_->content_length() > max_body_) {
      return on_read(http::error::body_limit);
    }
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code failed, std::size_t) { self->on_read(failed); });
  }

  // The client waits for the answer before it speaks the new protocol: whatever it sent already is
  // part of neither.
  void on_upgrade() {
    const auto& message = parser_->get();
    const bool asks = message.method() == http::verb::get && parser_->is_done() &&
                      http::token_list(message[http::field::connection]).exists("upgrade") &&
                      boost::beast::iequals(message[http::field::upgrade], upgrade_->protocol);
    if (!asks || buffer_.size() != 0) {
      keep_alive_ = false;
      return write(http_error(426, "upgrade_required",
                              "want GET with Connection: Upgrade and Upgrade: " +
                                  upgrade_->protocol + ", and nothing after it"));
    }
    message_ = {http::status::switching_protocols, 11};
    message_.set(http::field::connection, "Upgrade");
    message_.set(http::field::upgrade, upgrade_->protocol);
    http::async_write(stream_, message_,
                      [self = shared_from_this()](error_code failure, std::size_t) {
                        self->deadline_.clear();
                        if (failure) return self->close();
                        self->upgrade_->take(std::move(self->stream_));
                      });
  }

  void on_read(error_code failure) {
    deadline_.clear();
    if (failure) return on_bad_request(failure);
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    const std::string target(message.target());
    const std::size_t mark = std::min(target.find('?'), target.size());
    const HttpRequest request{std::string(message.method_string()),
                              target.substr(0, mark),
                              header(message, http::field::if_match),
                              header(message, http::field::if_none_match),
                              message.body(),
                              target.substr(std::min(mark + 1, target.size()))};
    handler_(request, [self = shared_from_this()](HttpResponse response) {
      self->write(std::move(response));
    });
  }

  void on_bad_request(error_code failure) {
    keep_alive_ = false;
    if (failure == http::error::body_limit) {
      return write(http_error(413, "too_large",
                              "the body is larger than " + std::to_string(max_body_) + " bytes"));
    }
    if (failure == http::error::header_limit) {
      return write(http_error(431, "header_too_large", "the header is larger than allowed"));
    }
    const bool from_client =
        failure.category() == make_error_code(http::error::bad_method).category();
    if (from_client && failure != http::error::end_of_stream &&
        failure != http::error::partial_message) {
      return write(http_error(400, "bad_request", failure.message()));
    }
    close();
  }

  void write(HttpResponse response) {
    message_ = {http::int_to_status(response.status), 11};
    if (!response.content_type.empty()) {
      message_.set(http::field::content_type, response.content_type);
    }
    if (response.version) message_.set(http::field::etag, "\"" + *response.version + "\"");
    message_.set(http::field::cache_control, "no-store");
    message_.keep_alive(keep_alive_);
    message_.body() = std::move(response.body);
    message_.prepare_payload();
    deadline_.set(limits_.patience, shared_from_this(), stream_);
    http::async_write(stream_, message_,
                      [self = shared_from_this()](error_code failure, std::size_t) {
                        self->deadline_.clear();
                        if (failure || !self->keep_alive_) return self->close();
                        self->read();
                      });
  }

  void close() {
    peer::relay::linger_and_close(std::move(stream_), [slot = std::move(slot_)] {});
  }

  peer::StreamSocket stream_;
  Deadline deadline_;
  HttpHandler handler_;
  HttpLimits limits_;
  std::shared_ptr<void> slot_;
  std::optional<HttpUpgrade> upgrade_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> message_;
  std::size_t max_body_ = 0;
  bool keep_alive_ = false;
};

using TlsStream = asio::ssl::stream<peer::StreamSocket>;

peer::StreamSocket& socket_of(peer::StreamSocket& stream) {
  return stream;
}
peer::StreamSocket& socket_of(TlsStream& stream) {
  return stream.next_layer();
}

template <class Stream>
class ClientCall : public std::enable_shared_from_this<ClientCall<Stream>> {
 public:
  ClientCall(Stream stream, const HttpCall& call, ReplyHandler handler)
      : tls_(call.tls),
        stream_(std::move(stream)),
        deadline_(socket_of(stream_)),
        handler_(std::move(handler)) {
    message_.method_string(call.method);
    message_.target(call.path);
    message_.set(http::field::host, call.host);
    for (const auto& [name, value] : call.headers)
      message_.set(name, value);
    message_.keep_alive(false);
    message_.body() = call.body;
    message_.prepare_payload();
    parser_.body_limit(call.max_reply);
    parser_.header_limit(kMaxHeader);
  }

  void start(std::chrono::milliseconds timeout) {
    deadline_.set(timeout, this->shared_from_this(), socket_of(stream_));
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_handshake(TlsStream::client,
                              [self = this->shared_from_this()](error_code failure) {
                                if (failure) return self->finish(failure);
                                self->write();
                              });
    } else {
      write();
    }
  }

 private:
  void write() {
    http::async_write(stream_, message_,
                      [self = this->shared_from_this()](error_code failure, std::size_t) {
                        if (failure) return self->finish(failure);
                        self->read();
                      });
  }

  void read() {
    http::async_read(stream_, buffer_, parser_,
                     [self = this->shared_from_this()](error_code failure, std::size_t) {
                       self->finish(failure);
                     });
  }

  void finish(error_code failure) {
    deadline_.clear();
    if (failure) return handler_(Error(HttpErrc::broken, failure.message()));
    handler_(HttpReply{parser_.get().result_int(), std::move(parser_.get().body())});
  }

  std::shared_ptr<HttpTls> tls_;  // the stream's context is in it
  Stream stream_;
  Deadline deadline_;
  ReplyHandler handler_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> message_;
  http::response_parser<http::string_body> parser_;
};

class ClientUpgrade : public std::enable_shared_from_this<ClientUpgrade> {
 public:
  ClientUpgrade(peer::StreamSocket stream, const std::string& path, const std::string& protocol,
                peer::ConnectHandler handler)
      : stream_(std::move(stream)), deadline_(stream_), handler_(std::move(handler)) {
    message_.method(http::verb::get);
    message_.target(path);
    message_.set(http::field::host, "parent");
    message_.set(http::field::connection, "Upgrade");
    message_.set(http::field::upgrade, protocol);
    parser_.header_limit(kMaxHeader);
  }

  void start(std::chrono::milliseconds timeout) {
    deadline_.set(timeout, shared_from_this(), stream_);
    http::async_write(stream_, message_,
                      [self = shared_from_this()](error_code failure, std::size_t) {
                        if (failure) return self->finish(failure);
                        self->read();
                      });
  }

 private:
  void read() {
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](error_code failure, std::size_t) { self->finish(failure); });
  }

  void finish(error_code failure) {
    deadline_.clear();
    if (failure) return handler_(Error(HttpErrc::broken, failure.message()));
    const auto status = parser_.get().result();
    if (status != http::status::switching_protocols || buffer_.size() != 0) {
      return handler_(
          Error(HttpErrc::not_upgraded, "status " + std::to_string(parser_.get().result_int())));
    }
    handler_(std::move(stream_));
  }

  peer::StreamSocket stream_;
  Deadline deadline_;
  peer::ConnectHandler handler_;
  boost::beast::flat_buffer buffer_;
  http::request<http::empty_body> message_;
  http::response_parser<http::empty_body> parser_;
};

}  // namespace

base::CodeInfo describe(HttpErrc code) noexcept {
  switch (code) {
    case HttpErrc::broken:
      return {"broken", "the HTTP exchange broke"};
    case HttpErrc::bad_tls:
      return {"bad_tls", "a file for TLS cannot be used"};
    case HttpErrc::not_upgraded:
      return {"not_upgraded", "the server does not change to the other protocol"};
  }
  return {"unknown", "unknown HTTP error"};
}

void serve_http(peer::StreamSocket stream, HttpHandler handler, HttpLimits limits,
                std::shared_ptr<void> slot, std::optional<HttpUpgrade> upgrade) {
  std::make_shared<ServerSession>(std::move(stream), std::move(handler), limits, std::move(slot),
                                  std::move(upgrade))
      ->read();
}

base::Result<std::shared_ptr<HttpTls>> open_tls(const TlsFiles& files) {
  auto tls = std::make_shared<HttpTls>();
  error_code failure;
  const auto use = [&](const std::filesystem::path& file, auto load) -> base::Status {
    load(file.string());
    if (failure) return Error(HttpErrc::bad_tls, file.string() + ": " + failure.message());
    return {};
  };
  auto& context = tls->context;
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
  context.set_verify_mode(asio::ssl::verify_peer);
  CONCORDAT_CHECK(use(files.authorities,
                      [&](const std::string& file) { context.load_verify_file(file, failure); }));
  if (!files.certificate) return tls;
  CONCORDAT_CHECK(use(*files.certificate, [&](const std::string& file) {
    context.use_certificate_chain_file(file, failure);
  }));
  CONCORDAT_CHECK(use(*files.key, [&](const std::string& file) {
    context.use_private_key_file(file, asio::ssl::context::pem, failure);
  }));
  return tls;
}

void async_http_call(asio::io_context& io, const peer::Endpoint& endpoint, const HttpCall& call,
                     std::chrono::milliseconds timeout, ReplyHandler handler) {
  peer::async_connect(
      io, endpoint, timeout,
      [call, timeout, handler = std::move(handler)](base::Result<peer::StreamSocket> stream) {
        if (!stream) return handler(stream.error());
        if (!call.tls) {
          std::make_shared<ClientCall<peer::StreamSocket>>(*std::move(stream), call, handler)
              ->start(timeout);
          return;
        }
        TlsStream tls(*std::move(stream), call.tls->context);
        tls.set_verify_callback(asio::ssl::host_name_verification(call.host));
        SSL_set_tlsext_host_name(tls.native_handle(), call.host.c_str());
        std::make_shared<ClientCall<TlsStream>>(std::move(tls), call, handler)->start(timeout);
      });
}

void async_http_upgrade(asio::io_context& io, const peer::Endpoint& endpoint,
                        const std::string& path, const std::string& protocol,
                        std::chrono::milliseconds timeout, peer::ConnectHandler handler) {
  peer::async_connect(io, endpoint, timeout,
                      [path, protocol, timeout,
                       handler = std::move(handler)](base::Result<peer::StreamSocket> stream) {
                        if (!stream) return handler(stream.error());
                        std::make_shared<ClientUpgrade>(*std::move(stream), path, protocol, handler)
                            ->start(timeout);
                      });
}

}  // namespace concordat::parent
