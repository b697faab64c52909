// The operator's side of a parent's operator endpoint, for the operator's program.
#pragma once

#include "deploy/cli/parent_call.hpp"
#include "peer/stream_io.hpp"

namespace concordat::parent {

// One exchange on a connection of its own; at most half a minute.
[[nodiscard]] base::Result<cli::ParentAnswer> call_parent(const peer::Endpoint& endpoint,
                                                          const cli::ParentRequest& request);

// A stream to an enclave that the parent knows, asked for on its operator endpoint: nothing of the
// handshake has been said. Errors: StreamErrc, HttpErrc, RelayErrc. `timeout` is for each of two
// steps.
void async_reach_enclave(boost::asio::io_context& io, const peer::Endpoint& parent,
                         const std::string& enclave, std::chrono::milliseconds timeout,
                         peer::ConnectHandler handler);

}  // namespace concordat::parent
