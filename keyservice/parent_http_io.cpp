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

struct ParentLine::Kept {
  // As many as a batch and the removals behind it take.
  static constexpr std::size_t kMax = 4;
  Kept() { streams.reserve(kMax); }  // keeping one wants no memory
  std::vector<peer::StreamSocket> streams;
};

// Kept alive by the handlers until the last of them ran. Its deadline stands before anything is
// begun: whichever step then finds no memory, whoever waits is told.
class ParentExchange : public std::enable_shared_from_this<ParentExchange> {
 public:
  using Line = std::shared_ptr<ParentLine::Kept>;

  // `line`: may be null; then the stream ends with this.
  ParentExchange(asio::io_context& io, peer::Endpoint relay, const HttpRequest& request, Line line,
                 ParentReply handler)
      : io_(io),
        relay_(std::move(relay)),
        line_(std::move(line)),
        stream_(io),
        deadline_(io),
        handler_(std::move(handler)) {
    request_.method_string(request.method);
    request_.target(request.target);
    request_.version(11);
    request_.set(http::field::host, "parent");
    for (const HttpHeader& header : request.headers)
      request_.set(header.name, header.value);
    request_.body() = request.body;
    request_.prepare_payload();
  }

  // Throws for want of memory while nothing is begun.
  void start(std::chrono::milliseconds timeout) {
    timeout_ = timeout;
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->finish(Error(Errc::timed_out, "the parent"));
    });
    guarded([&] {
      if (line_ == nullptr || line_->streams.empty()) return dial();
      is_kept_ = true;
      stream_ = std::move(line_->streams.back());
      line_->streams.pop_back();
      write();
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
  void dial() {
    is_kept_ = false;
    peer::async_dial_target(io_, relay_, peer::ParentHttpTarget{},
                            std::min(timeout_, kHttpDialTimeout),
                            [self = shared_from_this()](Result<peer::StreamSocket> stream) {
                              self->guarded([&] { self->on_dialled(std::move(stream)); });
                            });
  }
  void on_dialled(Result<peer::StreamSocket> stream) {
    if (!handler_) return;
    if (!stream) return finish(stream.error());
    stream_ = *std::move(stream);
    write();
  }
  void write() {
    http::async_write(stream_, request_,
                      [self = shared_from_this()](error_code error, std::size_t) {
                        self->guarded([&] { error ? self->on_failure(error) : self->read(); });
                      });
  }
  void read() {
    parser_.emplace();
    parser_->body_limit(kMaxReply);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       self->guarded([&] { self->on_read(error); });
                     });
  }
  void on_read(error_code error) {
    if (error) return on_failure(error);
    if (!handler_) return;  // cancelled, and the stream closed
    auto& message = parser_->get();
    const bool is_whole = message.keep_alive() && buffer_.size() == 0;
    if (line_ != nullptr && is_whole && line_->streams.size() < ParentLine::Kept::kMax) {
      line_->streams.push_back(std::move(stream_));
    }
    finish(HttpReply{message.result_int(), {}, std::move(message.body())});
  }
  // The parent may have ended a kept stream before it saw the request.
  void on_failure(error_code error) {
    if (!handler_) return;
    if (!is_kept_) return finish(failed(error));
    error_code ignored;
    stream_.close(ignored);
    buffer_.clear();
    dial();
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
  peer::Endpoint relay_;
  Line line_;
  bool is_kept_ = false;  // `stream_` was an earlier exchange's
  std::chrono::milliseconds timeout_{};
  peer::StreamSocket stream_;
  asio::steady_timer deadline_;
  http::request<http::string_body> request_;
  std::optional<http::response_parser<http::string_body>> parser_;
  boost::beast::flat_buffer buffer_;
  ParentReply handler_;
};

void ParentCall::cancel() {
  if (const auto exchange = exchange_.lock()) exchange->cancel();
}

ParentCall async_parent_call(asio::io_context& io, const peer::Endpoint& relay, HttpRequest request,
                             std::chrono::milliseconds timeout, ParentReply handler) {
  const auto exchange =
      std::make_shared<ParentExchange>(io, relay, request, nullptr, std::move(handler));
  exchange->start(timeout);
  return ParentCall(exchange);
}

ParentLine::ParentLine(asio::io_context& io, peer::Endpoint relay,
                       std::chrono::milliseconds timeout)
    : io_(io), relay_(std::move(relay)), timeout_(timeout), kept_(std::make_shared<Kept>()) {}

ParentCall ParentLine::call(HttpRequest request, ParentReply handler) const {
  const auto exchange =
      std::make_shared<ParentExchange>(io_, relay_, request, kept_, std::move(handler));
  exchange->start(timeout_);
  return ParentCall(exchange);
}

}  // namespace concordat::keyservice
