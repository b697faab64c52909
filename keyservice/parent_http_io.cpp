#include "keyservice/parent_http_io.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "keyservice/error.hpp"
#include "peer/preface_io.hpp"

namespace concordat::keyservice {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Error;
using base::Result;
using boost::system::error_code;

// A signed policy of 1 MiB in base64, with room.
constexpr std::size_t kMaxReply = 2 * 1024 * 1024;

// The relay stands in the same instance.
constexpr std::chrono::milliseconds kDialTimeout = std::chrono::seconds(5);

}  // namespace

// Kept alive by the handlers until the last of them ran.
class ParentExchange : public std::enable_shared_from_this<ParentExchange> {
 public:
  ParentExchange(asio::io_context& io, const HttpRequest& request, ParentReply handler)
      : stream_(io), deadline_(io), handler_(std::move(handler)) {
    request_.method_string(request.method);
    request_.target(request.target);
    request_.version(11);
    request_.set(http::field::host, "parent");
    for (const HttpHeader& header : request.headers)
      request_.set(header.name, header.value);
    request_.body() = request.body;
    request_.prepare_payload();
    parser_.body_limit(kMaxReply);
  }

  void start(Result<peer::StreamSocket> stream, std::chrono::milliseconds timeout) {
    if (!handler_) return;  // cancelled while it was dialled
    if (!stream) return finish(stream.error());
    stream_ = *std::move(stream);
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->finish(Error(Errc::timed_out, "the parent"));
    });
    http::async_write(stream_, request_,
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) return self->finish(failed(error));
                        self->read();
                      });
  }

  void cancel() {
    handler_ = {};
    end();
  }

 private:
  static Error failed(error_code error) { return Error(Errc::parent_failed, error.message()); }

  void read() {
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       if (error) return self->finish(failed(error));
                       auto& message = self->parser_.get();
                       self->finish(HttpReply{message.result_int(), {}, std::move(message.body())});
                     });
  }
  void finish(Result<HttpReply> reply) {
    if (!handler_) return;
    end();
    std::exchange(handler_, {})(std::move(reply));
  }
  void end() {
    deadline_.cancel();
    error_code ignored;  // the exchange is over; there is nobody to tell
    stream_.close(ignored);
  }

  peer::StreamSocket stream_;
  asio::steady_timer deadline_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  boost::beast::flat_buffer buffer_;
  ParentReply handler_;
};

void ParentCall::cancel() {
  if (const auto exchange = exchange_.lock()) exchange->cancel();
}

ParentCall async_parent_call(asio::io_context& io, const peer::Endpoint& relay, HttpRequest request,
                             std::chrono::milliseconds timeout, ParentReply handler) {
  const auto exchange = std::make_shared<ParentExchange>(io, request, std::move(handler));
  peer::async_dial_target(io, relay, peer::ParentHttpTarget{}, std::min(timeout, kDialTimeout),
                          [exchange, timeout](Result<peer::StreamSocket> stream) {
                            exchange->start(std::move(stream), timeout);
                          });
  return ParentCall(exchange);
}

}  // namespace concordat::keyservice
