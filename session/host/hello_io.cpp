#include "session/host/hello_io.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>

#include "peer/frame.hpp"
#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

class HelloRead : public std::enable_shared_from_this<HelloRead> {
 public:
  HelloRead(peer::StreamSocket socket, HelloHandler handler)
      : socket_(std::move(socket)), handler_(std::move(handler)), timer_(socket_.get_executor()) {}

  void start(std::chrono::milliseconds timeout) {
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || !self->handler_) return;
      self->late_ = true;
      self->give_up();
    });
    read();
  }

  // A read that has completed already is not ended by this: on_read() looks.
  void give_up() {
    if (!handler_) return;
    given_up_ = true;
    boost::system::error_code ignored;  // the read ends with an error of its own
    socket_.cancel(ignored);
  }

 private:
  void read() {
    socket_.async_read_some(
        boost::asio::buffer(piece_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          self->on_read(error, size);
        });
  }

  void on_read(boost::system::error_code error, std::size_t size) {
    if (late_) return finish(base::Error(peer::StreamErrc::timed_out, "hello"));
    if (given_up_ || error) return finish(base::Error(peer::StreamErrc::ended, "before its hello"));
    std::optional<base::Result<ReadHello>> out;
    try {
      out = take(base::BytesView(piece_).first(size));
      if (!out) return read();
    } catch (const std::bad_alloc&) {
      out.emplace(base::Error(Errc::out_of_memory));
    }
    finish(*std::move(out));
  }

  // nullopt: more is needed.
  std::optional<base::Result<ReadHello>> take(base::BytesView bytes) {
    base::append(bytes_, bytes);
    frames_.feed(bytes);
    const auto frame = frames_.next(peer::AllowedFrames(peer::FrameType::hello));
    if (!frame) return frame.error();
    if (!*frame) return std::nullopt;
    auto hello = peer::decode_hello((*frame)->body());
    if (!hello) return hello.error();
    return ReadHello{*std::move(hello), std::move(bytes_)};
  }

  void finish(base::Result<ReadHello> read) {
    timer_.cancel();
    const HelloHandler handler = std::exchange(handler_, {});
    handler(std::move(socket_), std::move(read));
  }

  peer::StreamSocket socket_;
  HelloHandler handler_;
  boost::asio::steady_timer timer_;
  std::array<std::uint8_t, 4096> piece_{};
  base::Bytes bytes_;
  peer::FrameReader frames_;
  bool late_ = false;
  bool given_up_ = false;
};

}  // namespace

std::function<void()> async_read_hello(peer::StreamSocket socket, std::chrono::milliseconds timeout,
                                       HelloHandler handler) {
  const auto reading = std::make_shared<HelloRead>(std::move(socket), std::move(handler));
  reading->start(timeout);
  return [weak = std::weak_ptr(reading)] {
    if (const auto self = weak.lock()) self->give_up();
  };
}

}  // namespace concordat::session::host
