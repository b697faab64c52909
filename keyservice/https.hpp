// One HTTPS request over a stream that is already connected: for an enclave, the relay's stream to
// egress/HOST:443. TLS ends here, inside the enclave; the relay carries ciphertext.
//
// Blocking, with one time limit for everything: the enclave calls KMS before it serves anybody.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "attest/base/descriptor.hpp"
#include "keyservice/http_message.hpp"

namespace concordat::keyservice {

enum class HttpsErrc {
  bad_trust = 1,
  bad_stream,
  connection_lost,
  tls_failed,
  certificate_refused,
  timed_out,
  reply_malformed,
  reply_too_large,
};
[[nodiscard]] base::CodeInfo describe(HttpsErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(HttpsErrc) {
  return "https";
}
[[nodiscard]] inline boost::system::error_code make_error_code(HttpsErrc e) {
  return base::enum_code(e);
}

// The certificate authorities that may vouch for the server's name. They come from the measured
// image, never from the parent. Copies share one store; thread-safe to use.
class TlsTrust {
 public:
  // Every certificate of a PEM file. Fails with bad_trust when there is none or one is damaged.
  [[nodiscard]] static base::Result<TlsTrust> from_pem(base::BytesView pem);

 private:
  friend class HttpsExchange;  // https.cpp
  struct Store;
  explicit TlsTrust(std::shared_ptr<const Store> store) : store_(std::move(store)) {}
  std::shared_ptr<const Store> store_;
};

struct HttpsCall {
  std::string host;          // sent as SNI; the certificate must name it
  base::UnixMillis now;      // certificates are judged at this time, from the trusted clock
  std::size_t max_body = 0;  // of the reply
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
};

// TLS 1.2 or later, HTTP/1.1. `stream`: a connected stream socket; it is closed when this
// returns. The reply's framing must show its end (Content-Length or chunks).
[[nodiscard]] base::Result<HttpReply> https_exchange(base::Descriptor stream, const TlsTrust& trust,
                                                     const HttpsCall& call,
                                                     const HttpRequest& request);

}  // namespace concordat::keyservice
