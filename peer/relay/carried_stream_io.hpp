// Two sockets joined: bytes move both ways until both directions ended, one broke, nothing moved
// for too long, or the stream is as old as it may get.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>

#include "peer/relay/relay_io.hpp"

namespace concordat::peer::relay {

class CarriedStream : public std::enable_shared_from_this<CarriedStream> {
 public:
  // Called once, when both sockets are closed. `why` says more when broken.
  using Ended = std::function<void(Ending ending, const std::string& why)>;

  // `pool` outlives the stream.
  CarriedStream(StreamSocket caller, StreamSocket target, PipePool& pool, const Limits& limits,
                CarrierMode mode);

  void start(Ended ended);
  void stop(Ending ending, const std::string& why = {});

  [[nodiscard]] std::uint64_t bytes_to_target() const noexcept { return directions_[0].bytes; }
  [[nodiscard]] std::uint64_t bytes_from_target() const noexcept { return directions_[1].bytes; }

 private:
  struct Direction {
    StreamSocket& from;
    StreamSocket& to;
    Carrier carrier;
    std::uint64_t bytes = 0;
    bool done = false;
  };

  // Moves what can be moved now, then waits for whichever socket stands in the way.
  void pump(Direction& direction);
  // False when the direction has to wait or is done.
  [[nodiscard]] bool step(Direction& direction);
  void wait(Direction& direction);
  void finish_direction(Direction& direction);
  void watch_the_clock();

  StreamSocket caller_, target_;
  std::array<Direction, 2> directions_;  // to the target, from the target
  boost::asio::steady_timer timer_;
  Limits limits_;
  std::chrono::steady_clock::time_point started_, last_moved_;
  Ended ended_;
};

}  // namespace concordat::peer::relay
