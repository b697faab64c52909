// The first frame of a stream that a party opened, read to learn which session it is for. Nothing
// of it is believed: the handshake reads it again.
#pragma once

#include "peer/messages.hpp"
#include "peer/stream_io.hpp"

namespace concordat::session::host {

struct ReadHello {
  peer::Hello hello;
  base::Bytes bytes;  // all that was read from the stream
};

// Errors: of frames and messages (peer), StreamErrc timed_out, ended. What is returned ends the
// reading at once, as if the stream had ended; after the handler was called it does nothing.
using HelloHandler = std::function<void(peer::StreamSocket, base::Result<ReadHello>)>;
[[nodiscard]] std::function<void()> async_read_hello(peer::StreamSocket socket,
                                                     std::chrono::milliseconds timeout,
                                                     HelloHandler handler);

}  // namespace concordat::session::host
