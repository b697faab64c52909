// HTTP/1.1 over streams (Boost.Beast, in http_io.cpp alone): a server for streams that somebody
// accepted, and one call as a client.
#pragma once

#include <map>
#include <memory>

#include "deploy/parent/http.hpp"
#include "peer/stream_io.hpp"

namespace concordat::parent {

struct HttpLimits {
  std::size_t max_body = 64 * 1024;
  // Paths whose bodies may be larger, or must be smaller.
  std::map<std::string, std::size_t, std::less<>> max_body_of;
  // For a request to arrive, idle time before it included, and for a response to be taken.
  std::chrono::milliseconds patience{60'000};
};

// A path where a client may ask to speak another protocol on its connection (RFC 9110 section 7.8):
// it is told so, and `take` has the stream.
struct HttpUpgrade {
  std::string path, protocol;
  std::function<void(peer::StreamSocket)> take;
};

// Serves requests one after the other until the client or the limits end it. `slot` is kept as long
// as the stream.
void serve_http(peer::StreamSocket stream, HttpHandler handler, HttpLimits limits,
                std::shared_ptr<void> slot, std::optional<HttpUpgrade> upgrade = {});

enum class HttpErrc { broken = 1, bad_tls, not_upgraded };
[[nodiscard]] base::CodeInfo describe(HttpErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(HttpErrc) {
  return "http";
}
[[nodiscard]] inline boost::system::error_code make_error_code(HttpErrc e) {
  return base::enum_code(e);
}

class HttpTls;
[[nodiscard]] base::Result<std::shared_ptr<HttpTls>> open_tls(const TlsFiles& files);

struct HttpCall {
  std::string method, path, host;
  std::map<std::string, std::string> headers;
  std::string body{};
  std::size_t max_reply = 2 * 1024 * 1024;
  std::shared_ptr<HttpTls> tls{};  // none: as it is
};
struct HttpReply {
  unsigned status = 0;
  std::string body;
};
using ReplyHandler = std::function<void(base::Result<HttpReply>)>;
// One request on a connection of its own. `timeout` is for connecting and again for the exchange.
// Errors: StreamErrc from connecting, HttpErrc.
void async_http_call(boost::asio::io_context& io, const peer::Endpoint& endpoint,
                     const HttpCall& call, std::chrono::milliseconds timeout, ReplyHandler handler);

// Asks for `protocol` at `path`; the stream comes back with nothing of the new protocol read.
// Errors: StreamErrc from connecting, HttpErrc.
void async_http_upgrade(boost::asio::io_context& io, const peer::Endpoint& endpoint,
                        const std::string& path, const std::string& protocol,
                        std::chrono::milliseconds timeout, peer::ConnectHandler handler);

}  // namespace concordat::parent
