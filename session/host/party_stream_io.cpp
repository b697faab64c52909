#include "session/host/party_stream_io.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace concordat::session::host {
namespace {

// Less than forming's bound on what may lie unread, so that a pause comes in time.
constexpr std::size_t kReadSize = 32 * 1024;
// For a farewell that the other side is slow to read.
constexpr std::chrono::milliseconds kCloseTime = std::chrono::seconds(5);

}  // namespace

PartyStream::PartyStream(peer::StreamSocket socket, Events events)
    : socket_(std::move(socket)),
      io_(static_cast<boost::asio::io_context&>(
          boost::asio::query(socket_.get_executor(), boost::asio::execution::context))),
      events_(std::move(events)),
      closer_(socket_.get_executor()),
      inbox_(kReadSize) {}

std::shared_ptr<PartyStream> PartyStream::open(peer::StreamSocket socket, base::Bytes first,
                                               Events events) {
  auto out = std::make_shared<PartyStream>(std::move(socket), std::move(events));
  boost::asio::post(out->socket_.get_executor(), [out, early = std::move(first)] {
    if (out->ended_ || out->closing_) return;
    if (!early.empty()) out->events_.bytes(early);
    out->guarded([&] { out->read(); });
  });
  return out;
}

void PartyStream::read() {
  if (ended_ || closing_ || reading_ || paused_) return;
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(inbox_),
      [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
        self->reading_ = false;
        self->guarded([&] { self->on_read(error, size); });
      });
}

void PartyStream::on_read(boost::system::error_code error, std::size_t size) {
  if (ended_ || closing_) return;
  if (error) return end();
  events_.bytes(base::BytesView(inbox_).first(size));
  read();
}

void PartyStream::resume() {
  paused_ = false;
  read();
}

void PartyStream::send(base::BytesView bytes) {
  if (ended_ || closing_) return;
  base::append(outbox_, bytes);
  write();
}

void PartyStream::write() {
  if (ended_ || !written_.empty() || outbox_.empty()) return;
  std::swap(written_, outbox_);
  boost::asio::async_write(
      socket_, boost::asio::buffer(written_),
      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        self->guarded([&] { self->on_written(error); });
      });
}

void PartyStream::on_written(boost::system::error_code error) {
  if (ended_) return;
  if (error) return end();
  written_.clear();
  if (!outbox_.empty()) return write();
  if (closing_) return end();
  events_.drained();
}

void PartyStream::close() noexcept {
  if (closing_) return;
  closing_ = true;
  if (waiting() == 0) return end();
  guarded([this] {
    closer_.expires_after(kCloseTime);
    closer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->end();
    });
  });
}

void PartyStream::end() noexcept {
  if (ended_) return;
  ended_ = true;
  closer_.cancel();
  boost::system::error_code ignored;  // the stream is over; there is nobody to tell
  socket_.shutdown(peer::StreamSocket::shutdown_both, ignored);
  socket_.close(ignored);
  // Posted, so that nobody is called back from inside their own call, and in memory that is there.
  boost::asio::post(io_, peer::with(farewell_, [self = shared_from_this()] {
                      const Events events = std::exchange(self->events_, {});
                      if (!self->closing_ && events.ended) events.ended();
                    }));
}

}  // namespace concordat::session::host
