#include "peer/relay/linger_io.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>

namespace concordat::peer::relay {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds kLingerTime{1'000};
constexpr std::size_t kMaxForgotten = 64 * 1024;

class Linger : public std::enable_shared_from_this<Linger> {
 public:
  Linger(StreamSocket stream, std::function<void()> done)
      : stream_(std::move(stream)), timer_(stream_.get_executor()), done_(std::move(done)) {}

  void start() {
    error_code gone;
    stream_.shutdown(asio::socket_base::shutdown_send, gone);
    timer_.expires_after(kLingerTime);
    timer_.async_wait([self = shared_from_this()](error_code) {
      error_code ignored;
      self->stream_.close(ignored);
      std::exchange(self->done_, nullptr)();
    });
    forget();
  }

 private:
  void forget() {
    stream_.async_read_some(asio::buffer(scratch_),
                            [self = shared_from_this()](error_code failure, std::size_t size) {
                              self->forgotten_ += size;
                              if (failure || self->forgotten_ > kMaxForgotten) {
                                self->timer_.cancel();
                                return;
                              }
                              self->forget();
                            });
  }

  StreamSocket stream_;
  asio::steady_timer timer_;
  std::function<void()> done_;
  std::array<std::uint8_t, 2048> scratch_{};
  std::size_t forgotten_ = 0;
};

}  // namespace

void linger_and_close(StreamSocket stream, std::function<void()> done) {
  std::make_shared<Linger>(std::move(stream), std::move(done))->start();
}

}  // namespace concordat::peer::relay
