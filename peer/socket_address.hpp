// Endpoints as the kernel's socket addresses, without Asio's names for them.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <optional>
#include <string>

#include "peer/endpoint.hpp"

namespace concordat::peer {

using SocketAddress = boost::asio::generic::stream_protocol::endpoint;

// TCP endpoints need a resolver first: nullopt for them.
[[nodiscard]] std::optional<SocketAddress> address_of(const Endpoint& endpoint);
// The context id of a vsock address.
[[nodiscard]] std::optional<std::uint32_t> context_id_of(const SocketAddress& address);
// For logs; "unix" for an unnamed Unix socket.
[[nodiscard]] std::string text_of(const SocketAddress& address);
// Whom to count as one caller, whatever its ports: an IPv4 address, of IPv6 the /64, all of which
// one machine has. nullopt: no IP address.
[[nodiscard]] std::optional<std::string> network_of(const SocketAddress& address);
// The port of an IPv4 or IPv6 address, 0 for others.
[[nodiscard]] std::uint16_t tcp_port_of(const SocketAddress& address);

}  // namespace concordat::peer
