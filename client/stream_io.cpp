#include "client/stream_io.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

#include "attest/base/secret_access.hpp"
#include "client/exchange.hpp"

namespace concordat::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::SecretAccess;
using base::SecretBytes;
using boost::system::error_code;

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::size_t kMaxErrorBody = 16 * 1024;

// Two loops over one socket: one sends what the source gives, one hands to the sink what comes.
class Duplex {
 public:
  Duplex(asio::io_context& io, peer::StreamSocket& socket,
         boost::beast::flat_static_buffer_base& buffer, const StreamOrder& order)
      : io_(io),
        socket_(socket),
        buffer_(buffer),
        order_(order),
        request_(http::verb::post, order.target, 11),
        serializer_(request_),
        outgoing_(SecretBytes::zeroed(kPiece)),
        incoming_(SecretBytes::zeroed(kPiece)) {
    request_.set(http::field::host, "localhost");
    request_.set(http::field::content_type, "application/octet-stream");
    if (!order.request_id.empty()) request_.set("X-Request-Id", order.request_id);
    request_.chunked(true);
    parser_.body_limit(boost::none);
  }

  Result<bool> run() {
    http::async_write_header(socket_, serializer_, [this](error_code error, std::size_t) {
      error ? sending_failed(error) : send_next();
    });
    http::async_read_header(socket_, buffer_, parser_, [this](error_code error, std::size_t) {
      error ? fail("interrupted", error.message()) : receive_next();
    });
    io_.restart();
    while (!finished()) {
      if (io_.run_one_for(order_.patience) == 0) fail("timed_out", "the stream stands still");
    }
    const bool clean = !failure_ && sent_ && parser_.get().result_int() == 200;
    if (!clean) close();
    if (failure_) return *failure_;
    if (parser_.get().result_int() != 200) return refusal();
    return parser_.keep_alive();
  }

 private:
  [[nodiscard]] bool finished() const {
    return failure_ || (received_ && (sent_ || parser_.get().result_int() != 200));
  }

  // Handlers that are still to be called refer to this object.
  void close() {
    error_code ignored;
    socket_.close(ignored);
    io_.restart();
    io_.run();
  }

  void fail(const char* code, std::string message) {
    if (!failure_) failure_ = Error{code, std::move(message)};
  }

  // An agent that refuses says so and ends the connection: the answer may be here already.
  void sending_failed(error_code error) {
    if (received_ && parser_.get().result_int() == 200) return fail("interrupted", error.message());
    sending_broke_ = true;
  }

  void send_next() {
    if (failure_ || refused()) return;
    const auto room = outgoing_.expose_mutable(SecretAccess{});
    const auto n = order_.source(room);
    if (!n || *n > room.size()) {
      failure_ =
          n ? Error{"bad_argument", "the source gave more than there was room for"} : n.error();
      return;
    }
    const auto sent = [this, last = *n == 0](error_code error, std::size_t) {
      if (error) return sending_failed(error);
      if (!last) return send_next();
      sent_ = true;
    };
    if (*n == 0) return asio::async_write(socket_, http::make_chunk_last(), sent);
    asio::async_write(socket_, http::make_chunk(asio::const_buffer(room.data(), *n)), sent);
  }

  [[nodiscard]] bool refused() const {
    return parser_.is_header_done() && parser_.get().result_int() != 200;
  }

  void receive_next() {
    if (failure_) return;
    if (parser_.is_done()) {
      received_ = true;
      if (sending_broke_ && !refused()) fail("interrupted", "the agent stopped reading");
      return;
    }
    auto& body = parser_.get().body();
    body.data = incoming_.expose_mutable(SecretAccess{}).data();
    body.size = incoming_.size();
    body.more = true;
    http::async_read_some(socket_, buffer_, parser_, [this](error_code error, std::size_t) {
      if (error && error != http::error::need_buffer) return fail("interrupted", error.message());
      take(incoming_.expose(SecretAccess{}).first(incoming_.size() - parser_.get().body().size));
      receive_next();
    });
  }

  void take(base::BytesView bytes) {
    if (bytes.empty() || failure_) return;
    if (refused()) {
      if (error_body_.size() + bytes.size() <= kMaxErrorBody) base::append(error_body_, bytes);
      return;
    }
    if (auto taken = order_.sink(bytes); !taken) failure_ = taken.error();
  }

  [[nodiscard]] Error refusal() const {
    const auto id = parser_.get()["X-Request-Id"];
    SecretBytes body = SecretBytes::zeroed(error_body_.size());
    std::ranges::copy(error_body_, body.expose_mutable(SecretAccess{}).begin());
    return error_of(
        {parser_.get().result_int(), std::string(id.data(), id.size()), std::move(body)});
  }

  asio::io_context& io_;
  peer::StreamSocket& socket_;
  boost::beast::flat_static_buffer_base& buffer_;
  const StreamOrder& order_;
  http::request<http::empty_body> request_;
  http::request_serializer<http::empty_body> serializer_;
  http::response_parser<http::buffer_body> parser_;
  SecretBytes outgoing_, incoming_;
  base::Bytes error_body_;  // what an agent says of a refusal is no secret
  std::optional<Error> failure_;
  bool sent_ = false;
  bool sending_broke_ = false;
  bool received_ = false;
};

}  // namespace

Result<bool> exchange_streams(asio::io_context& io, peer::StreamSocket& socket,
                              boost::beast::flat_static_buffer_base& buffer,
                              const StreamOrder& order) {
  return Duplex(io, socket, buffer, order).run();
}

}  // namespace concordat::client
