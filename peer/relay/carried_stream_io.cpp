#include "peer/relay/carried_stream_io.hpp"

#include <boost/asio/post.hpp>
#include <cstring>

namespace concordat::peer::relay {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// Fills and drains of one direction before the others get their turn: 256 KiB.
constexpr int kStepsPerTurn = 8;

}  // namespace

CarriedStream::CarriedStream(StreamSocket caller, StreamSocket target, PipePool& pool,
                             const Limits& limits, CarrierMode mode)
    : caller_(std::move(caller)),
      target_(std::move(target)),
      directions_{Direction{caller_, target_, Carrier(pool, mode)},
                  Direction{target_, caller_, Carrier(pool, mode)}},
      timer_(caller_.get_executor()),
      limits_(limits),
      started_(Clock::now()),
      last_moved_(started_) {}

void CarriedStream::start(Ended ended) {
  ended_ = std::move(ended);
  error_code failure;
  caller_.native_non_blocking(true, failure);
  if (!failure) target_.native_non_blocking(true, failure);
  if (failure) return stop(Ending::broken, failure.message());
  watch_the_clock();
  for (Direction& direction : directions_)
    pump(direction);
}

void CarriedStream::stop(Ending ending, const std::string& why) {
  if (!ended_) return;
  timer_.cancel();
  error_code ignored;
  caller_.close(ignored);
  target_.close(ignored);
  std::exchange(ended_, nullptr)(ending, why);
}

void CarriedStream::pump(Direction& direction) {
  for (int i = 0; i < kStepsPerTurn; ++i) {
    if (!ended_ || !step(direction)) return;
  }
  asio::post(caller_.get_executor(),
             [self = shared_from_this(), &direction] { self->pump(direction); });
}

bool CarriedStream::step(Direction& direction) {
  Carrier& carrier = direction.carrier;
  const bool filling = carrier.empty();
  const Carrier::Progress progress = filling ? carrier.fill(direction.from.native_handle())
                                             : carrier.drain(direction.to.native_handle());
  switch (progress.step) {
    case Carrier::Step::moved:
      last_moved_ = Clock::now();
      if (!filling) direction.bytes += progress.bytes;
      return true;
    case Carrier::Step::blocked:
      wait(direction);
      return false;
    case Carrier::Step::end:
      finish_direction(direction);
      return false;
    case Carrier::Step::failed:
      break;
  }
  stop(Ending::broken, std::strerror(progress.error));
  return false;
}

void CarriedStream::wait(Direction& direction) {
  const bool to_read = direction.carrier.empty();
  StreamSocket& socket = to_read ? direction.from : direction.to;
  socket.async_wait(to_read ? asio::socket_base::wait_read : asio::socket_base::wait_write,
                    [self = shared_from_this(), &direction](error_code failure) {
                      if (!self->ended_) return;
                      if (failure) return self->stop(Ending::broken, failure.message());
                      self->pump(direction);
                    });
}

void CarriedStream::finish_direction(Direction& direction) {
  direction.done = true;
  error_code gone;  // the other side left: its own direction says so
  direction.to.shutdown(asio::socket_base::shutdown_send, gone);
  if (directions_[0].done && directions_[1].done) stop(Ending::completed);
}

void CarriedStream::watch_the_clock() {
  timer_.expires_at(std::min(last_moved_ + limits_.idle_timeout, started_ + limits_.total_timeout));
  timer_.async_wait([self = shared_from_this()](error_code failure) {
    if (failure || !self->ended_) return;
    const auto now = Clock::now();
    if (now >= self->started_ + self->limits_.total_timeout) return self->stop(Ending::too_long);
    if (now >= self->last_moved_ + self->limits_.idle_timeout) return self->stop(Ending::idle);
    self->watch_the_clock();
  });
}

}  // namespace concordat::peer::relay
