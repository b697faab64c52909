#include "keyservice/agent/wire_io.hpp"

#include <boost/asio/write.hpp>

#include "attest/base/secret_access.hpp"
#include "keyservice/agent/limits.hpp"

namespace concordat::keyservice::agent {

namespace asio = boost::asio;
using base::SecretAccess;
using boost::system::error_code;

namespace {

asio::const_buffer buffer_of(base::BytesView bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace

Wire::Wire(peer::StreamSocket socket, bool is_tcp, std::chrono::milliseconds patience)
    : socket_(std::move(socket)),
      idle_(socket_.get_executor()),
      patience_(patience, kLeastBytesPerSecond),
      is_tcp_(is_tcp) {}

void Wire::expect_progress() {
  idle_.expires_after(patience_.begin(base::system_monotonic_clock()));
  idle_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->close();
  });
}

void Wire::progressed(std::size_t size) {
  idle_.cancel();
  patience_.moved(size, base::system_monotonic_clock());
}

std::function<void(error_code, std::size_t)> Wire::finished(Handler done) {
  return [self = shared_from_this(), done = std::move(done)](error_code error, std::size_t size) {
    self->progressed(size);
    done(error);
  };
}

void Wire::forget_read() {
  parser_.reset();
  if (buffer_ && buffer_->size() != 0) return;  // the next request has come with this one
  buffer_.reset();
  storage_.wipe();
}

void Wire::read_header(Handler done) {
  forget_read();
  const auto read = [self = shared_from_this(), done = std::move(done)](error_code error) {
    if (error) return done(error);
    if (!self->buffer_) {
      self->storage_ = base::SecretBytes::zeroed(kReadBuffer);
      self->buffer_.emplace(self->storage_.expose_mutable(SecretAccess{}).data(), kReadBuffer);
    }
    self->parser_.emplace();
    self->parser_->header_limit(kMaxHeader);
    self->parser_->body_limit(boost::none);  // each path has its own
    self->patience_.renew();
    self->expect_progress();
    // The parser bounds the request line and the fields, each for itself: here it is the two.
    http::async_read_header(self->socket_, *self->buffer_, *self->parser_,
                            [finished = self->finished(done)](error_code failed, std::size_t size) {
                              if (!failed && size > kMaxHeader) failed = http::error::header_limit;
                              finished(failed, size);
                            });
  };
  if (buffer_) return read({});
  patience_.renew();
  expect_progress();
  socket_.async_wait(peer::StreamSocket::wait_read,
                     [self = shared_from_this(), read](error_code error) {
                       self->idle_.cancel();
                       read(error);
                     });
}

void Wire::read_body(std::span<std::uint8_t> room, BodyHandler done) {
  auto& body = parser_->get().body();
  body.data = room.data();
  body.size = room.size();
  body.more = true;
  expect_progress();
  http::async_read_some(socket_, *buffer_, *parser_,
                        [self = shared_from_this(), size = room.size(), done = std::move(done)](
                            error_code error, std::size_t) {
                          const auto left = self->parser_->get().body().size;
                          self->progressed(size - left);
                          if (error == http::error::need_buffer) error = {};
                          done(error, size - left);
                        });
}

void Wire::on_more(std::function<void()> handler) {
  if (buffer_ && buffer_->size() != 0) return handler();
  socket_.async_wait(
      peer::StreamSocket::wait_read,
      [self = shared_from_this(), handler = std::move(handler)](error_code) { handler(); });
}

void Wire::ask_for_body(Handler done) {
  if (parser_->is_done() ||
      !boost::beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    return done({});
  }
  write(base::as_bytes("HTTP/1.1 100 Continue\r\n\r\n"), std::move(done));
}

void Wire::write(base::BytesView bytes, Handler done) {
  expect_progress();
  asio::async_write(socket_, buffer_of(bytes), finished(std::move(done)));
}

void Wire::write_chunk(base::BytesView bytes, Handler done) {
  if (bytes.empty()) return done({});  // which would be the last one
  expect_progress();
  asio::async_write(socket_, http::make_chunk(buffer_of(bytes)), finished(std::move(done)));
}

void Wire::write_last_chunk(Handler done) {
  expect_progress();
  asio::async_write(socket_, http::make_chunk_last(), finished(std::move(done)));
}

void Wire::close() {
  error_code ignored;  // nobody is left to tell
  idle_.cancel();
  socket_.close(ignored);
}

void Wire::end() {
  error_code error;
  socket_.shutdown(peer::StreamSocket::shutdown_send, error);
  if (error || !buffer_) return close();
  buffer_->consume(buffer_->size());
  idle_.expires_after(kDrainTime);
  idle_.async_wait([weak = weak_from_this()](error_code timer) {
    const auto self = weak.lock();
    if (!timer && self) self->close();
  });
  drain(kMaxDrained);
}

void Wire::drain(std::size_t left) {
  const auto room = storage_.expose_mutable(SecretAccess{});
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this(), left](error_code error, std::size_t size) {
                            if (error || size >= left) return self->close();
                            self->drain(left - size);
                          });
}

}  // namespace concordat::keyservice::agent
