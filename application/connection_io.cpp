#include "application/connection_io.hpp"

#include <sodium.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/http.hpp>

#include "attest/base/request_id.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::application {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::SecretAccess;
using base::SecretBytes;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReceiveBuffer = 64 * 1024;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(peer::StreamSocket stream, std::shared_ptr<Serving> serving)
      : stream_(std::move(stream)),
        timer_(stream_.get_executor()),
        serving_(std::move(serving)),
        guarded_(SecretBytes::zeroed(kReceiveBuffer)),
        buffer_(guarded_.expose_mutable(SecretAccess{}).data(), kReceiveBuffer) {}
  ~Connection() { serving_->closers.erase(place_); }

  void start() {
    place_ = serving_->closers.insert(serving_->closers.end(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->close();
    });
    read_header();
  }

 private:
  // Its place is free once nothing waits for it any more, the timer neither.
  void close() {
    error_code ignored;  // nobody is left to tell
    stream_.close(ignored);
    timer_.cancel();
  }

  // Calls `late` unless another watch begins before.
  template <class Late>
  void watch(Clock::time_point end, Late late) {
    timer_.expires_at(end);
    timer_.async_wait([self = shared_from_this(), late](error_code error) {
      if (!error) late();
    });
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(serving_->router.limits().header));
    parser_->body_limit(serving_->router.limits().body);
    watch(Clock::now() + serving_->router.limits().idle, [this] { close(); });
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code error, std::size_t size) {
                              if (error == http::error::body_limit) return self->refuse_body();
                              // The parser bounds the request line and the fields, each for itself.
                              const std::size_t limit = self->serving_->router.limits().header;
                              if (error == http::error::header_limit || (!error && size > limit)) {
                                return self->refuse_header();
                              }
                              if (error) return self->close();
                              self->on_header();
                            });
  }

  void on_header() {
    deadline_ = Clock::now() + serving_->router.limits().time;
    keep_alive_ = parser_->keep_alive();
    const auto& request = parser_->get();
    const auto id = request["X-Request-Id"];
    request_id_ = base::request_id_from({id.data(), id.size()});
    const std::size_t limit = serving_->router.limits().body;
    const std::size_t length = parser_->content_length().value_or(parser_->chunked() ? limit : 0);
    if (length > limit) return refuse_body();
    body_ = SecretBytes::zeroed(length);
    auto& body = parser_->get().body();
    body.data = body_.expose_mutable(SecretAccess{}).data();
    body.size = body_.size();
    body.more = true;
    watch(deadline_, [this] { close(); });
    read_body();
  }

  void refuse_body() {
    refuse_size("request_too_large", "a body has", serving_->router.limits().body, 413);
  }
  void refuse_header() {
    refuse_size("header_too_large", "request line and fields have",
                serving_->router.limits().header, 431);
  }
  void refuse_size(const char* code, const std::string& what, std::size_t limit, unsigned status) {
    keep_alive_ = false;
    if (request_id_.empty()) request_id_ = base::request_id_from({});
    const std::string message = what + " at most " + std::to_string(limit) + " bytes";
    write(error_reply(refuse(code, message, status), request_id_));
  }

  void read_body() {
    if (parser_->is_done()) return on_request();
    http::async_read_some(stream_, buffer_, *parser_,
                          [self = shared_from_this()](error_code error, std::size_t) {
                            if (error == http::error::body_limit) return self->refuse_body();
                            if (error == http::error::need_buffer) {
                              if (self->overflown()) return self->refuse_body();
                              error = {};
                            }
                            if (error) return self->close();
                            self->read_body();
                          });
  }

  // A body without a length that has filled its room may be at its end all the same: the next
  // read tells.
  bool overflown() {
    if (parser_->is_done() || parser_->get().body().size != 0) return false;
    return std::exchange(full_, true);
  }

  void on_request() {
    const auto& request = parser_->get();
    const std::size_t size = body_.size() - request.body().size;
    if (size != body_.size()) {
      SecretBytes whole = SecretBytes::zeroed(size);
      std::ranges::copy(body_.expose(SecretAccess{}).first(size),
                        whole.expose_mutable(SecretAccess{}).begin());
      body_ = std::move(whole);
    }
    const auto method = request.method_string(), target = request.target();
    auto begun = serving_->router.begin({method.data(), method.size()},
                                        {target.data(), target.size()}, request_id_);
    if (auto* reply = std::get_if<Reply>(&begun)) return write(std::move(*reply));
    work(std::get<Router::Found>(begun));
  }

  // The handler runs elsewhere, with what it needs of its own; an answer that comes too late finds
  // another turn.
  void work(const Router::Found& found) {
    const std::uint64_t turn = ++turn_;
    watch(deadline_, [this, turn] { on_late(turn); });
    asio::post(serving_->workers,
               [found, body = std::make_shared<SecretBytes>(std::move(body_)), id = request_id_,
                deadline = deadline_, turn, self = shared_from_this()] {
                 auto reply = std::make_shared<Reply>(run_handler(found, *body, id, deadline));
                 body->wipe();
                 asio::post(self->serving_->io, [self, reply, turn] {
                   self->serving_->router.finished();
                   if (self->turn_ == turn) self->write(std::move(*reply));
                 });
               });
  }

  void on_late(std::uint64_t turn) {
    if (turn_ != turn) return;
    keep_alive_ = false;
    write(error_reply(refuse("timed_out", "the handler took too long", 504), request_id_));
  }

  void write(Reply reply) {
    ++turn_;
    if (serving_->stopped) return close();
    reply_ = std::move(reply);
    log();
    const base::BytesView body = reply_.body.expose(SecretAccess{});
    response_.emplace(static_cast<http::status>(reply_.status), 11);
    response_->set(http::field::content_type, "application/json");
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Request-Id", request_id_);
    response_->keep_alive(keep_alive_);
    response_->body() = {reinterpret_cast<const char*>(body.data()), body.size()};
    response_->prepare_payload();
    watch(Clock::now() + serving_->router.limits().idle, [this] { close(); });
    http::async_write(
        stream_, *response_,
        [self = shared_from_this()](error_code error, std::size_t) { self->on_written(error); });
  }

  void on_written(error_code error) {
    reply_ = {};
    request_id_.clear();
    full_ = false;
    // What was received is wiped as soon as no next request lies behind it.
    if (buffer_.size() == 0) {
      sodium_memzero(guarded_.expose_mutable(SecretAccess{}).data(), guarded_.size());
    }
    if (!error && keep_alive_) return read_header();
    close();
  }

  void log() {
    if (reply_.status < 400) return;
    serving_->log.warn(
        "request_refused",
        {{"request_id", request_id_}, {"code", reply_.code}, {"status", reply_.status}});
  }

  peer::StreamSocket stream_;
  asio::steady_timer timer_;
  std::shared_ptr<Serving> serving_;
  std::list<std::function<void()>>::iterator place_;
  SecretBytes guarded_;
  boost::beast::flat_static_buffer_base buffer_;
  std::optional<http::request_parser<http::buffer_body>> parser_;
  std::optional<http::response<http::span_body<const char>>> response_;
  SecretBytes body_;
  Reply reply_;
  std::string request_id_;
  Clock::time_point deadline_;
  std::uint64_t turn_ = 0;  // of the request that an answer belongs to
  bool keep_alive_ = true;
  bool full_ = false;
};

}  // namespace

void serve_connection(peer::StreamSocket stream, std::shared_ptr<Serving> serving) {
  if (serving->stopped || serving->closers.size() >= serving->router.limits().connections) return;
  std::make_shared<Connection>(std::move(stream), std::move(serving))->start();
}

}  // namespace concordat::application
