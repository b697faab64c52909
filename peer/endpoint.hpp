// Where a byte stream begins or ends, as text in configuration and options:
//   unix:/run/concordat/relay.sock   a Unix stream socket
//   tcp:127.0.0.1:7001               TCP; the host is a name, an IPv4 address or [an IPv6 address]
//   vsock:3:7000                     AF_VSOCK context id and port; `any` as id listens on all
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "attest/base/result.hpp"

namespace concordat::peer {

enum class EndpointErrc { unknown_scheme = 1, bad_path, bad_host, bad_port, bad_context_id };
[[nodiscard]] base::CodeInfo describe(EndpointErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(EndpointErrc) {
  return "endpoint";
}
[[nodiscard]] inline boost::system::error_code make_error_code(EndpointErrc e) {
  return base::enum_code(e);
}

// sockaddr_un holds 108 bytes with the terminating zero (unix(7)).
inline constexpr std::size_t kMaxUnixPath = 107;
inline constexpr std::size_t kMaxHostName = 253;  // RFC 1035 section 2.3.4, without the root's dot

// VMADDR_CID_* of linux/vm_sockets.h; the parent of a Nitro enclave is context id 3.
inline constexpr std::uint32_t kVsockAnyContextId = 0xffffffff;
inline constexpr std::uint32_t kParentContextId = 3;

struct UnixEndpoint {
  std::string path;
  friend bool operator==(const UnixEndpoint&, const UnixEndpoint&) = default;
};
struct TcpEndpoint {
  std::string host;  // an IPv6 address without its brackets
  std::uint16_t port = 0;
  friend bool operator==(const TcpEndpoint&, const TcpEndpoint&) = default;
};
struct VsockEndpoint {
  std::uint32_t context_id = 0;
  std::uint32_t port = 0;
  friend bool operator==(const VsockEndpoint&, const VsockEndpoint&) = default;
};
using Endpoint = std::variant<UnixEndpoint, TcpEndpoint, VsockEndpoint>;

[[nodiscard]] base::Result<Endpoint> parse_endpoint(std::string_view text);
// What parse_endpoint reads back as the same endpoint.
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

// "name:port" or "address:port", as in egress targets; the host as in a TCP endpoint.
[[nodiscard]] base::Result<TcpEndpoint> parse_host_port(std::string_view text);

// 127.0.0.0/8, ::1 or the name localhost: reachable from this machine only.
[[nodiscard]] bool is_loopback(const TcpEndpoint& endpoint) noexcept;

}  // namespace concordat::peer
