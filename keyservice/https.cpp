#include "keyservice/https.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "attest/base/openssl.hpp"

namespace concordat::keyservice {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Error;
using base::Result;
using base::Status;
using boost::system::error_code;

constexpr std::size_t kMaxHeader = 16 * 1024;

int socket_option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

Status adopt(asio::generic::stream_protocol::socket& socket, base::Descriptor stream) {
  error_code failed = asio::error::bad_descriptor;
  if (socket_option(stream.get(), SO_TYPE) == SOCK_STREAM) {
    const asio::generic::stream_protocol protocol(socket_option(stream.get(), SO_DOMAIN),
                                                  socket_option(stream.get(), SO_PROTOCOL));
    socket.assign(protocol, stream.get(), failed);
  }
  if (failed) return Error(HttpsErrc::bad_stream, failed.message());
  static_cast<void>(stream.release());  // the socket's now
  return {};
}

http::request<http::string_body> to_beast(const HttpRequest& request) {
  http::request<http::string_body> out;
  out.version(11);
  out.method_string(request.method);
  out.target(request.target);
  for (const HttpHeader& header : request.headers)
    out.insert(header.name, header.value);
  out.body() = request.body;
  out.prepare_payload();
  out.keep_alive(false);
  return out;
}

HttpReply from_beast(http::response<http::string_body>&& reply) {
  HttpReply out{reply.result_int(), {}, std::move(reply.body())};
  for (const auto& field : reply) {
    HttpHeader header{std::string(field.name_string()), std::string(field.value())};
    for (char& c : header.name)
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.headers.push_back(std::move(header));
  }
  return out;
}

}  // namespace

struct TlsTrust::Store {
  base::X509StorePtr certificates;
};

Result<TlsTrust> TlsTrust::from_pem(base::BytesView pem) {
  const base::BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto store = std::make_shared<Store>(Store{base::X509StorePtr(X509_STORE_new())});
  std::size_t count = 0;
  for (;;) {
    const base::X509Ptr certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    if (X509_STORE_add_cert(store->certificates.get(), certificate.get()) != 1) {
      return Error(HttpsErrc::bad_trust, base::take_openssl_errors());
    }
    ++count;
  }
  // Reading ends with "no start line" after the last one; anything else is a damaged certificate.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = base::take_openssl_errors();
  if (!at_end) return Error(HttpsErrc::bad_trust, why);
  if (count == 0) return Error(HttpsErrc::bad_trust, "no PEM certificate in it");
  return TlsTrust(std::move(store));
}

// Handshake, write, read, one after the other, on an event loop of its own.
class HttpsExchange {
 public:
  HttpsExchange(const TlsTrust& trust, const HttpsCall& call, const HttpRequest& request)
      : call_(call), request_(to_beast(request)), tls_(make_context(trust)), stream_(loop_, tls_) {
    parser_.header_limit(kMaxHeader);
    parser_.body_limit(call.max_body);
  }

  Result<HttpReply> run(base::Descriptor stream) {
    CONCORDAT_CHECK(adopt(stream_.next_layer(), std::move(stream)));
    CONCORDAT_CHECK(prepare_verification());
    stream_.async_handshake(asio::ssl::stream_base::client,
                            [this](error_code failed) { on_handshake(failed); });
    loop_.run_for(call_.timeout);
    if (!outcome_) {
      return Error(HttpsErrc::timed_out, std::to_string(call_.timeout.count()) + " ms");
    }
    return std::move(*outcome_);
  }

 private:
  static asio::ssl::context make_context(const TlsTrust& trust) {
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX* const handle = context.native_handle();
    SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
    SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nullptr);
    // Takes a reference of its own.
    SSL_CTX_set1_cert_store(handle, trust.store_->certificates.get());
    return context;
  }

  Status prepare_verification() {
    SSL* const ssl = stream_.native_handle();
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), call_.now.value / 1000);
    if (call_.host.empty() || SSL_set1_host(ssl, call_.host.c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl, call_.host.c_str()) != 1) {
      return base::openssl_error("setting the server's name");
    }
    return {};
  }

  void fail(HttpsErrc code, std::string detail) { outcome_ = Error(code, std::move(detail)); }

  void on_handshake(error_code failed) {
    if (failed) {
      const long verdict = SSL_get_verify_result(stream_.native_handle());
      if (verdict != X509_V_OK) {
        return fail(HttpsErrc::certificate_refused, X509_verify_cert_error_string(verdict));
      }
      return fail(HttpsErrc::tls_failed, failed.message());
    }
    http::async_write(stream_, request_,
                      [this](error_code error, std::size_t) { on_written(error); });
  }

  void on_written(error_code failed) {
    if (failed) return fail(HttpsErrc::connection_lost, failed.message());
    http::async_read(stream_, buffer_, parser_,
                     [this](error_code error, std::size_t) { on_read(error); });
  }

  void on_read(error_code failed) {
    if (!failed) {
      // A body that ends with the connection cannot be told from a truncated one.
      if (parser_.need_eof()) return fail(HttpsErrc::reply_malformed, "the reply has no length");
      outcome_ = from_beast(parser_.release());
    } else if (failed == http::error::body_limit || failed == http::error::header_limit) {
      fail(HttpsErrc::reply_too_large, failed.message());
    } else if (failed.category() != http::make_error_code(http::error::end_of_stream).category() ||
               failed == http::error::end_of_stream || failed == http::error::partial_message) {
      fail(HttpsErrc::connection_lost, failed.message());
    } else {
      fail(HttpsErrc::reply_malformed, failed.message());
    }
  }

  const HttpsCall& call_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  boost::beast::flat_buffer buffer_{kMaxHeader};
  asio::io_context loop_{1};
  asio::ssl::context tls_;
  asio::ssl::stream<asio::generic::stream_protocol::socket> stream_;
  std::optional<Result<HttpReply>> outcome_;
};

base::CodeInfo describe(HttpsErrc code) noexcept {
  switch (code) {
    case HttpsErrc::bad_trust:
      return {"bad_trust", "not a file of CA certificates"};
    case HttpsErrc::bad_stream:
      return {"bad_stream", "not a connected stream"};
    case HttpsErrc::connection_lost:
      return {"connection_lost", "the connection ended early"};
    case HttpsErrc::tls_failed:
      return {"tls_failed", "the TLS handshake failed"};
    case HttpsErrc::certificate_refused:
      return {"certificate_refused", "the server's certificate is refused"};
    case HttpsErrc::timed_out:
      return {"timed_out", "no complete reply in time"};
    case HttpsErrc::reply_malformed:
      return {"reply_malformed", "the reply is not HTTP/1.1"};
    case HttpsErrc::reply_too_large:
      return {"reply_too_large", "the reply is larger than allowed"};
  }
  return {"unknown", "unknown HTTPS error"};
}

Result<HttpReply> https_exchange(base::Descriptor stream, const TlsTrust& trust,
                                 const HttpsCall& call, const HttpRequest& request) {
  return HttpsExchange(trust, call, request).run(std::move(stream));
}

}  // namespace concordat::keyservice
