// Where the agent's API listens: for the application beside it, and on loopback TCP where the
// parent's configuration asks for it.
#pragma once

#include "peer/stream_io.hpp"

namespace concordat::enclave {

// The application's socket. Where the agent is root only it and the application's group may connect
// (kApplicationUser, mode 0660); otherwise the two are one user, and nobody else may (0600).
// cannot_listen.
[[nodiscard]] base::Result<std::unique_ptr<peer::Listener>> listen_for_application(
    boost::asio::io_context& io, const peer::UnixEndpoint& endpoint);

// `setting`: "127.0.0.1:8700", of loopback alone: it can only open what processes inside this
// enclave reach. Raises `lo` first. bad_host and what else parse_host_port says; cannot_raise;
// cannot_listen.
[[nodiscard]] base::Result<std::unique_ptr<peer::Listener>> listen_on_loopback(
    boost::asio::io_context& io, const std::string& setting);

}  // namespace concordat::enclave
