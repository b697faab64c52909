// The parent's relay: an enclave connects, names a target in a preface (PROTOCOL.md, "Relay
// preface") and owns a byte stream to it. The relay holds no secret and never looks at what it
// carries; it bounds how much an enclave can make the parent hold and counts what happens.
//
//   accept -> limits -> preface -> route -> dial -> [source preface] -> answer ok -> carry
//                \________\_________\________\______________________-> answer no -> linger -> end
//
// While carrying, each direction ends by itself: its end of stream becomes the other side's
// shutdown. The stream ends when both directions did, one broke, or a time-out passed.
//
// One io_context, one thread; the Relay outlives the io_context's last handler. Programs ignore
// SIGPIPE (peer/stream_io.hpp).
#pragma once

#include <array>
#include <map>
#include <vector>

#include "attest/base/clock.hpp"
#include "peer/preface_io.hpp"
#include "peer/relay/carrier_io.hpp"
#include "peer/relay/limits.hpp"

namespace concordat::base {
class Logger;
}

namespace concordat::peer::relay {

// Where a target leads, and what the relay says there first.
struct Route {
  enum class Kind {
    enclave,  // a source preface
    egress,   // nothing
    parent,   // the target again, and its answer is passed on
    service,  // the stream is handed to Parts::serve in this process
  };
  Kind kind = Kind::service;
  Endpoint endpoint = UnixEndpoint{};  // unless service
};

// Keeps a stream counted against its caller's limit for as long as a copy lives.
using Slot = std::shared_ptr<void>;

// What the relay does not know by itself.
struct Parts {
  // nullopt: unknown target.
  std::function<std::optional<Route>(const Source& caller, const Target& target)> route;
  // Takes over a stream to the parent's own service.
  std::function<void(StreamSocket stream, const Source& caller, Slot slot)> serve;
  base::Logger* log = nullptr;  // required
  CarrierMode carrier_mode = CarrierMode::automatic;
};

// nullopt: unknown caller.
using IdentifyCaller = std::function<std::optional<Source>(const PeerAddress& from)>;

enum class Ending { completed, broken, idle, too_long, stopped };
inline constexpr std::size_t kEndingCount = 5;
[[nodiscard]] std::string_view name_of(Ending ending) noexcept;

struct CallerCounters {
  std::uint64_t accepted = 0;  // connections, whatever became of them
  std::uint64_t opened = 0;    // answered ok
  std::uint64_t active = 0;    // now, from acceptance to end
  std::uint64_t bytes_to_target = 0;
  std::uint64_t bytes_from_target = 0;
  std::uint64_t gave_up = 0;                          // ended by the caller before an answer
  std::array<std::uint64_t, kAnswerCount> refused{};  // by Answer
  std::array<std::uint64_t, kEndingCount> ended{};    // by Ending
};

struct LiveStream {
  std::uint64_t id = 0;
  std::string caller, target;
  base::UnixMillis since;
  std::uint64_t bytes_to_target = 0, bytes_from_target = 0;
};

struct Refusal {
  base::UnixMillis at;
  std::string caller, target;  // target empty when it was not known yet
  Answer answer = Answer::malformed;
  std::string detail;
};
inline constexpr std::size_t kKeptRefusals = 64;

struct Snapshot {
  // Under KIND/others those of KIND that are forgotten, or that no place was left for.
  std::map<std::string, CallerCounters> callers;
  std::vector<LiveStream> streams;
  std::vector<Refusal> refusals;  // the last kKeptRefusals, oldest first
};

class Relay {
 public:
  Relay(boost::asio::io_context& io, const Limits& limits, Parts parts);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Accepts callers there. Returns the endpoint with its real port.
  [[nodiscard]] base::Result<Endpoint> listen(const Endpoint& endpoint, ListenOptions options,
                                              IdentifyCaller who);
  // A stream that somebody else accepted, from here on as if the relay had.
  void adopt(StreamSocket stream, const Source& caller);
  [[nodiscard]] Snapshot snapshot() const;
  // Closes listeners and streams; opens none any more.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace concordat::peer::relay
