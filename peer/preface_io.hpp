// Relay prefaces over streams (PROTOCOL.md, "Relay preface"): what an enclave does to reach a
// target and to learn who calls, and the reading that the relay shares with it.
#pragma once

#include "peer/relay_preface.hpp"
#include "peer/stream_io.hpp"

namespace concordat::peer {

// The relay's answer other than ok, as the error of the one who asked. One enumerator an answer.
enum class RelayErrc {
  unknown_target = 1,
  refused_by_limit,
  unreachable,
  timed_out,
  malformed,
  unknown_caller,
};
[[nodiscard]] base::CodeInfo describe(RelayErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(RelayErrc) {
  return "relay";
}
[[nodiscard]] inline boost::system::error_code make_error_code(RelayErrc e) {
  return base::enum_code(e);
}

// Reads exactly one preface. The stream comes back in any case; after an error other than a
// PrefaceErrc (StreamErrc timed_out, ended, broken) nothing more can be read from it.
using PrefaceHandler = std::function<void(StreamSocket, base::Result<Preface>)>;
void async_read_preface(StreamSocket stream, std::chrono::milliseconds timeout,
                        PrefaceHandler handler);

// Writes a preface; the stream comes back with what became of it (StreamErrc timed_out, broken).
using WriteHandler = std::function<void(StreamSocket, base::Status)>;
void async_write_preface(StreamSocket stream, const Preface& preface,
                         std::chrono::milliseconds timeout, WriteHandler handler);

// Sends `target` on a connected stream and waits for the answer. Errors: RelayErrc for an answer
// other than ok, StreamErrc, PrefaceErrc. `timeout` is for the whole.
void async_ask_for_target(StreamSocket stream, const Target& target,
                          std::chrono::milliseconds timeout, ConnectHandler handler);

// An enclave's way out: connects to its relay and asks for `target`.
void async_dial_target(boost::asio::io_context& io, const Endpoint& relay, const Target& target,
                       std::chrono::milliseconds timeout, ConnectHandler handler);

// An enclave's way in: reads the source preface of a stream that its listener accepted.
using SourceHandler = std::function<void(StreamSocket, base::Result<Source>)>;
void async_read_source(StreamSocket stream, std::chrono::milliseconds timeout,
                       SourceHandler handler);

}  // namespace concordat::peer
