#include "peer/socket_address.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
// After sys/socket.h, which it needs and does not include.
#include <linux/vm_sockets.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace concordat::peer {
namespace {

// The bytes of `address` as the structure of its family.
template <class Sockaddr>
Sockaddr as(const SocketAddress& address) {
  Sockaddr out{};
  std::memcpy(&out, address.data(), std::min(sizeof(out), address.size()));
  return out;
}

int family_of(const SocketAddress& address) {
  return address.protocol().family();
}

SocketAddress unix_address(const UnixEndpoint& endpoint) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, endpoint.path.data(),
              std::min(endpoint.path.size(), sizeof(address.sun_path) - 1));
  return {&address, offsetof(sockaddr_un, sun_path) + endpoint.path.size() + 1};
}

SocketAddress vsock_address(const VsockEndpoint& endpoint) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = endpoint.context_id;
  address.svm_port = endpoint.port;
  return {&address, sizeof(address)};
}

std::string ip_text(int family, const void* binary) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, binary, text.data(), text.size());
  return text.data();
}

std::string network_of_ip6(in6_addr address) {
  constexpr std::size_t kHalf = sizeof(address.s6_addr) / 2;
  // IPv4 as a socket of both kinds shows it: the address is in the last four bytes.
  if (IN6_IS_ADDR_V4MAPPED(&address)) return ip_text(AF_INET, address.s6_addr + kHalf + 4);
  std::fill_n(address.s6_addr + kHalf, kHalf, std::uint8_t{0});
  return ip_text(AF_INET6, &address) + "/64";
}

}  // namespace

std::optional<SocketAddress> address_of(const Endpoint& endpoint) {
  if (const auto* at = std::get_if<UnixEndpoint>(&endpoint)) return unix_address(*at);
  if (const auto* at = std::get_if<VsockEndpoint>(&endpoint)) return vsock_address(*at);
  return {};
}

std::optional<std::uint32_t> context_id_of(const SocketAddress& address) {
  if (family_of(address) != AF_VSOCK) return {};
  return as<sockaddr_vm>(address).svm_cid;
}

std::string text_of(const SocketAddress& address) {
  switch (family_of(address)) {
    case AF_INET: {
      const auto in = as<sockaddr_in>(address);
      return to_string(TcpEndpoint{ip_text(AF_INET, &in.sin_addr), ntohs(in.sin_port)});
    }
    case AF_INET6: {
      const auto in = as<sockaddr_in6>(address);
      return to_string(TcpEndpoint{ip_text(AF_INET6, &in.sin6_addr), ntohs(in.sin6_port)});
    }
    case AF_VSOCK: {
      const auto vm = as<sockaddr_vm>(address);
      return to_string(VsockEndpoint{vm.svm_cid, vm.svm_port});
    }
    default:
      return "unix";
  }
}

std::optional<std::string> network_of(const SocketAddress& address) {
  switch (family_of(address)) {
    case AF_INET: {
      const auto in = as<sockaddr_in>(address);
      return ip_text(AF_INET, &in.sin_addr);
    }
    case AF_INET6:
      return network_of_ip6(as<sockaddr_in6>(address).sin6_addr);
    default:
      return std::nullopt;
  }
}

std::uint16_t tcp_port_of(const SocketAddress& address) {
  if (family_of(address) == AF_INET) return ntohs(as<sockaddr_in>(address).sin_port);
  if (family_of(address) == AF_INET6) return ntohs(as<sockaddr_in6>(address).sin6_port);
  return 0;
}

}  // namespace concordat::peer
