#include "peer/endpoint.hpp"

#include <gtest/gtest.h>

namespace concordat::peer {
namespace {

base::Error refusal(std::string_view text) {
  const auto parsed = parse_endpoint(text);
  return parsed ? base::Error() : parsed.error();
}

TEST(Endpoint, ReadsAndPrintsEachScheme) {
  EXPECT_EQ(parse_endpoint("unix:/run/a:b").value(), Endpoint(UnixEndpoint{"/run/a:b"}));
  EXPECT_EQ(parse_endpoint("tcp:kms.example:443").value(),
            Endpoint(TcpEndpoint{"kms.example", 443}));
  EXPECT_EQ(parse_endpoint("tcp:[::1]:0").value(), Endpoint(TcpEndpoint{"::1", 0}));
  EXPECT_EQ(parse_endpoint("vsock:3:7000").value(), Endpoint(VsockEndpoint{3, 7000}));
  EXPECT_EQ(parse_endpoint("vsock:any:1").value(), Endpoint(VsockEndpoint{kVsockAnyContextId, 1}));
  for (const std::string_view text :
       {"unix:/run/a:b", "tcp:kms.example:443", "tcp:[::1]:0", "vsock:3:7000", "vsock:any:1"}) {
    EXPECT_EQ(to_string(parse_endpoint(text).value()), text);
  }
}

TEST(Endpoint, RefusesWithTheReason) {
  EXPECT_TRUE(refusal("").is(EndpointErrc::unknown_scheme));
  EXPECT_TRUE(refusal("unix").is(EndpointErrc::unknown_scheme));
  EXPECT_TRUE(refusal("http://x").is(EndpointErrc::unknown_scheme));
  EXPECT_TRUE(refusal("unix:").is(EndpointErrc::bad_path));
  EXPECT_TRUE(refusal("unix:/" + std::string(kMaxUnixPath, 'x')).is(EndpointErrc::bad_path));
  EXPECT_TRUE(refusal(std::string_view("unix:/a\0b", 9)).is(EndpointErrc::bad_path));
  EXPECT_TRUE(refusal("tcp:host").is(EndpointErrc::bad_port));
  EXPECT_TRUE(refusal("tcp:host:").is(EndpointErrc::bad_port));
  EXPECT_TRUE(refusal("tcp:host:65536").is(EndpointErrc::bad_port));
  EXPECT_TRUE(refusal("tcp:host:080").is(EndpointErrc::bad_port));
  EXPECT_TRUE(refusal("tcp:host:-1").is(EndpointErrc::bad_port));
  EXPECT_TRUE(refusal("tcp::80").is(EndpointErrc::bad_host));
  EXPECT_TRUE(refusal("tcp:ho st:80").is(EndpointErrc::bad_host));
  EXPECT_TRUE(refusal("tcp:::1:80").is(EndpointErrc::bad_host));
  EXPECT_TRUE(refusal("tcp:[1.2.3.4]:80").is(EndpointErrc::bad_host));
  EXPECT_TRUE(refusal("tcp:" + std::string(254, 'a') + ":80").is(EndpointErrc::bad_host));
  EXPECT_TRUE(refusal("vsock:x:1").is(EndpointErrc::bad_context_id));
  EXPECT_TRUE(refusal("vsock:4294967296:1").is(EndpointErrc::bad_context_id));
  EXPECT_TRUE(refusal("vsock:3").is(EndpointErrc::bad_port));
  EXPECT_TRUE(refusal("vsock:3:1 ").is(EndpointErrc::bad_port));
}

TEST(Endpoint, MessagesStayOnOneShortLine) {
  const std::string message =
      refusal("tcp:a\n\x1b[31m" + std::string(5000, 'x') + ":1").to_string();
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 200u);
}

TEST(Endpoint, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "localhost", "::1"}) {
    EXPECT_TRUE(is_loopback({host, 1})) << host;
  }
  for (const char* host : {"0.0.0.0", "128.0.0.1", "10.0.0.1", "::", "127.example"}) {
    EXPECT_FALSE(is_loopback({host, 1})) << host;
  }
}

}  // namespace
}  // namespace concordat::peer
