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
constexpr std::chrono::milliseconds kHttpDialTimeout = std::chrono::seconds(5);

}  // namespace

// Kept alive by the handlers until the last of them ran. Its deadline stands before anything is
// begun: whichever step then finds no memory, whoever waits is told.
class ParentExchange : public std::enable_shared_from_this<ParentExchange> {
 public:
  ParentExchange(asio::io_context& io, const HttpRequest& request, ParentReply handler)
      : io_(io), stream_(io), deadline_(io), handler_(std::move(handler)) {
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

  // Throws for want of memory while nothing is begun.
  void start(const peer::Endpoint& relay, std::chrono::milliseconds timeout) {
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->finish(Error(Errc::timed_out, "the parent"));
    });
    guarded([&] {
      peer::async_dial_target(io_, relay, peer::ParentHttpTarget{},
                              std::min(timeout, kHttpDialTimeout),
                              [self = shared_from_this()](Result<peer::StreamSocket> stream) {
                                self->guarded([&] { self->on_dialled(std::move(stream)); });
                              });
    });
  }

  void cancel() {
    handler_ = {};
    end();
  }

 private:
  static Error failed(error_code error) { return Error(Errc::parent_failed, error.message()); }

  template <class Step>
  void guarded(const Step& step) {
    try {
      step();
    } catch (const std::bad_alloc&) {
      finish(Error(Errc::out_of_memory));
    }
  }
  void on_dialled(Result<peer::StreamSocket> stream) {
    if (!handler_) return;
    if (!stream) return finish(stream.error());
    stream_ = *std::move(stream);
    http::async_write(stream_, request_,
                      [self = shared_from_this()](error_code error, std::size_t) {
                        self->guarded([&] { error ? self->finish(failed(error)) : self->read(); });
                      });
  }
  void read() {
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       self->guarded([&] { self->on_read(error); });
                     });
  }
  void on_read(error_code error) {
    if (error) return finish(failed(error));
    auto& message = parser_.get();
    finish(HttpReply{message.result_int(), {}, std::move(message.body())});
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

  asio::io_context& io_;
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
  exchange->start(relay, timeout);
  return ParentCall(exchange);
}

}  // namespace concordat::keyservice
