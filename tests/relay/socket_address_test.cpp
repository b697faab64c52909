#include "peer/socket_address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace concordat::peer {
namespace {

SocketAddress ip6(const char* text, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return {&address, sizeof(address)};
}

SocketAddress ip4(const char* text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, text, &address.sin_addr), 1);
  return {&address, sizeof(address)};
}

TEST(SocketAddresses, AnIPv6NetworkIsOneCallerWhateverItsAddressesAndPorts) {
  EXPECT_EQ(network_of(ip6("2001:db8:1:2::7", 1)), "2001:db8:1:2::/64");
  EXPECT_EQ(network_of(ip6("2001:db8:1:2:ffff:ffff:ffff:ffff", 2)), "2001:db8:1:2::/64");
  EXPECT_EQ(network_of(ip6("2001:db8:1:3::7", 1)), "2001:db8:1:3::/64");
}

// All of IPv4 would else be one caller, where one socket takes both kinds.
TEST(SocketAddresses, AnIPv4AddressIsACallerByItselfHoweverItIsWritten) {
  EXPECT_EQ(network_of(ip4("192.0.2.7", 1)), "192.0.2.7");
  EXPECT_EQ(network_of(ip6("::ffff:192.0.2.7", 2)), "192.0.2.7");
  EXPECT_EQ(network_of(ip6("::ffff:192.0.2.8", 2)), "192.0.2.8");
}

TEST(SocketAddresses, OthersHaveNoNetwork) {
  EXPECT_EQ(network_of(*address_of(UnixEndpoint{"/run/a"})), std::nullopt);
  EXPECT_EQ(network_of(*address_of(VsockEndpoint{3, 7000})), std::nullopt);
}

TEST(SocketAddresses, ArePrintedAsEndpoints) {
  EXPECT_EQ(text_of(ip4("192.0.2.7", 80)), "tcp:192.0.2.7:80");
  EXPECT_EQ(text_of(ip6("::1", 80)), "tcp:[::1]:80");
}

}  // namespace
}  // namespace concordat::peer
