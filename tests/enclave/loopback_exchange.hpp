// A worker's agent_tcp listener tried from beside it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>

#include "attest/base/descriptor.hpp"
#include "deploy/enclave/agent_listeners.hpp"

namespace concordat::test {

// Connects to 127.0.0.1:`port`: "connected", or the system's words.
inline std::string connect_on_loopback(std::uint16_t port) {
  const base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int done =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return done == 0 ? "connected" : std::strerror(errno);
}

// Listens as a worker does and connects: "connected", or what went wrong.
inline std::string exchange_on_loopback(const std::string& setting) {
  boost::asio::io_context io;
  const auto listener = enclave::listen_on_loopback(io, setting);
  if (!listener) return listener.error().to_string();
  bool accepted = false;
  (*listener)->start([&](peer::StreamSocket, const peer::PeerAddress&) { accepted = true; });
  const std::string out =
      connect_on_loopback(std::get<peer::TcpEndpoint>((*listener)->local()).port);
  if (out != "connected") return out;
  while (!accepted)
    io.run_one();
  return out;
}

}  // namespace concordat::test
