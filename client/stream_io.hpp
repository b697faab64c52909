// One request whose body and whose answer's body flow at the same time: an agent that seals as it
// reads would otherwise wait for us to read while we wait for it to read.
#pragma once

#include <boost/beast/core/flat_static_buffer.hpp>

#include "client/agent.hpp"
#include "peer/stream_io.hpp"

namespace concordat::client {

struct StreamOrder {
  std::string target;
  std::string request_id;
  const Source& source;
  const Sink& sink;
  std::chrono::milliseconds patience;  // the longest time without a byte either way
};

// Over a connected socket, which is closed unless all went well. Whether the connection may be used
// again; or the agent's error, or one of this library's.
[[nodiscard]] Result<bool> exchange_streams(boost::asio::io_context& io, peer::StreamSocket& socket,
                                            boost::beast::flat_static_buffer_base& buffer,
                                            const StreamOrder& order);

}  // namespace concordat::client
