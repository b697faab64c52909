#include "client/connection_io.hpp"

#include <sodium.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/http.hpp>

#include "attest/base/secret_access.hpp"
#include "client/stream_io.hpp"
#include "peer/stream_io.hpp"

namespace concordat::client {
namespace {

namespace http = boost::beast::http;
using base::SecretAccess;
using base::SecretBytes;
using boost::system::error_code;

constexpr std::size_t kReceiveBuffer = 64 * 1024;

Error local_error(const char* code, std::string message) {
  return {code, std::move(message)};
}

std::chrono::milliseconds left_until(Deadline deadline) {
  const auto left = deadline - Deadline::clock::now();
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
}

std::span<std::uint8_t> writable(SecretBytes& bytes) {
  return bytes.expose_mutable(SecretAccess{});
}

}  // namespace

class Connection::Impl {
 public:
  Impl()
      : socket_(io_),
        guarded_(SecretBytes::zeroed(kReceiveBuffer)),
        buffer_(writable(guarded_).data(), kReceiveBuffer) {}

  Status connect(const peer::Endpoint& endpoint, Deadline deadline) {
    std::optional<base::Result<peer::StreamSocket>> result;
    peer::async_connect(io_, endpoint, left_until(deadline),
                        [&](auto connected) { result = std::move(connected); });
    io_.run();  // async_connect keeps the deadline
    if (!*result) {
      const bool late = result->error().is(peer::StreamErrc::timed_out);
      return local_error(late ? "timed_out" : "agent_unreachable", result->error().to_string());
    }
    socket_ = **std::move(result);
    return {};
  }

  Result<Answer> exchange(const Order& order, const std::string& request_id, Deadline deadline) {
    keep_ = false;  // until the whole answer is here
    const base::BytesView body = order.body.expose(SecretAccess{});
    http::request<http::span_body<const char>> request(http::string_to_verb(order.method),
                                                       order.target, 11);
    request.set(http::field::host, "localhost");
    request.set(http::field::accept, "application/json");
    if (!request_id.empty()) request.set("X-Request-Id", request_id);
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = {reinterpret_cast<const char*>(body.data()), body.size()};
    request.prepare_payload();
    if (auto sent = await(deadline, [&](auto done) { http::async_write(socket_, request, done); });
        !sent) {
      return sent.error();
    }
    auto answer = receive(deadline);
    sodium_memzero(guarded_.expose_mutable(SecretAccess{}).data(), guarded_.size());
    return answer;
  }

  Status stream(const StreamOrder& order) {
    keep_ = false;
    const auto kept = exchange_streams(io_, socket_, buffer_, order);
    sodium_memzero(guarded_.expose_mutable(SecretAccess{}).data(), guarded_.size());
    if (!kept) return kept.error();
    keep_ = *kept;
    return {};
  }

  bool usable() {
    if (!keep_ || !socket_.is_open() || buffer_.size() != 0) return false;
    char byte = 0;
    const auto seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  // Starts one operation and runs it to its end or to the deadline.
  template <class Start>
  Status await(Deadline deadline, Start start) {
    std::optional<error_code> ended;
    start([&](error_code error, std::size_t) { ended = error; });
    io_.restart();
    io_.run_until(deadline);
    if (!ended) {
      error_code ignored;
      socket_.close(ignored);
      io_.restart();
      io_.run();  // the operation's handler refers to this frame
      return local_error("timed_out", "no answer from the agent in time");
    }
    if (*ended) return local_error("interrupted", ended->message());
    return {};
  }

  Result<Answer> receive(Deadline deadline) {
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);  // judged below, by a code of its own
    if (auto read = await(
            deadline, [&](auto done) { http::async_read_header(socket_, buffer_, parser, done); });
        !read) {
      return read.error();
    }
    const std::size_t length = parser.content_length().value_or(kMaxAnswer);
    if (length > kMaxAnswer) return local_error("malformed_response", "the answer is too large");
    SecretBytes room = SecretBytes::zeroed(length);
    auto& body = parser.get().body();
    body.data = writable(room).data();
    body.size = length;
    body.more = true;
    while (!parser.is_done()) {
      if (length != 0 && body.size == 0) {
        return local_error("malformed_response", "the answer is too large");
      }
      if (auto read = await(deadline,
                            [&](auto done) {
                              http::async_read_some(socket_, buffer_, parser,
                                                    [done](error_code error, std::size_t n) {
                                                      if (error == http::error::need_buffer)
                                                        error = {};
                                                      done(error, n);
                                                    });
                            });
          !read) {
        return read.error();
      }
    }
    keep_ = parser.keep_alive();
    return answer_of(parser.get(), room, length - body.size);
  }

  template <class Response>
  static Answer answer_of(const Response& response, SecretBytes& room, std::size_t size) {
    const auto id = response["X-Request-Id"];
    Answer out{response.result_int(), std::string(id.data(), id.size()), {}};
    if (size == room.size()) {
      out.body = std::move(room);
    } else {
      out.body = SecretBytes::zeroed(size);
      std::ranges::copy(room.expose(SecretAccess{}).first(size), writable(out.body).begin());
    }
    return out;
  }

  boost::asio::io_context io_{1};
  peer::StreamSocket socket_;
  SecretBytes guarded_;
  boost::beast::flat_static_buffer_base buffer_;
  bool keep_ = true;
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const peer::Endpoint& endpoint,
                                                     Deadline deadline) {
  auto impl = std::make_unique<Impl>();
  if (auto connected = impl->connect(endpoint, deadline); !connected) return connected.error();
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}
Result<Answer> Connection::exchange(const Order& order, const std::string& request_id,
                                    Deadline deadline) {
  return impl_->exchange(order, request_id, deadline);
}
Status Connection::stream(const std::string& target, const std::string& request_id,
                          const Source& source, const Sink& sink,
                          std::chrono::milliseconds patience) {
  return impl_->stream({target, request_id, source, sink, patience});
}
bool Connection::usable() {
  return impl_->usable();
}

}  // namespace concordat::client
