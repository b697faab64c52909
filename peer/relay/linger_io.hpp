// Ends a stream so that its last bytes arrive: a socket closed with unread bytes in it may take
// back what was sent. Sends the end of stream, reads and forgets until the other side ends too, a
// little time passed or too much came.
#pragma once

#include "peer/stream_io.hpp"

namespace concordat::peer::relay {

// `done` is called once, when the socket is closed.
void linger_and_close(StreamSocket stream, std::function<void()> done);

}  // namespace concordat::peer::relay
