// A worker's API on loopback TCP, in network namespaces of their own: there `lo` is down, as in an
// enclave's kernel that has just booted.
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>

#include "deploy/enclave/loopback.hpp"
#include "tests/enclave/loopback_exchange.hpp"
#include "tests/support/child.hpp"

namespace concordat::enclave {
namespace {

using test::connect_on_loopback;
using test::exchange_on_loopback;

constexpr const char* kNoNamespace = "no network namespace: ";

// What `body` says in a child that has a new network namespace and every capability over it.
std::string in_new_network(const std::function<std::string()>& body) {
  return test::said_in_a_child([&] {
    const int spaces = ::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
    return ::unshare(spaces) == 0 ? body() : kNoNamespace + std::string(std::strerror(errno));
  });
}

class LoopbackInANewNetwork : public testing::Test {
 protected:
  void SetUp() override {
    const std::string said = in_new_network([] { return std::string("made"); });
    if (said == "made") return;
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << said;
    GTEST_SKIP() << said;
  }
};

TEST_F(LoopbackInANewNetwork, IsRaisedBeforeAWorkerListens) {
  EXPECT_EQ(in_new_network([] { return connect_on_loopback(8700); }), "Network is unreachable")
      << "it is up before anybody raises it: this shows nothing";
  EXPECT_EQ(in_new_network([] { return exchange_on_loopback("127.0.0.1:8700"); }), "connected");
}

TEST_F(LoopbackInANewNetwork, AWorkerThatMayNotRaiseItSaysSo) {
  const std::string said = in_new_network([] {
    if (!test::drop_capabilities()) ::_exit(1);
    return exchange_on_loopback("127.0.0.1:8700");
  });
  EXPECT_EQ(said,
            "the interface lo could not be raised: setting agent_tcp: 127.0.0.1:8700: "
            "SIOCSIFFLAGS: Operation not permitted");
}

// The lab's launcher raises it for an agent that has no privilege.
TEST_F(LoopbackInANewNetwork, OneThatIsUpNeedsNoPrivilege) {
  const std::string said = in_new_network([] {
    if (const auto raised = raise_loopback(); !raised) return raised.error().to_string();
    if (!test::drop_capabilities()) ::_exit(1);
    return exchange_on_loopback("127.0.0.1:8700");
  });
  EXPECT_EQ(said, "connected");
}

TEST(AgentTcp, IsOfLoopbackAlone) {
  boost::asio::io_context io;
  const auto elsewhere = listen_on_loopback(io, "0.0.0.0:8700");
  ASSERT_FALSE(elsewhere);
  EXPECT_TRUE(elsewhere.error().is(peer::EndpointErrc::bad_host));
  EXPECT_EQ(elsewhere.error().detail(), "setting agent_tcp: '0.0.0.0:8700' is not on loopback");
}

}  // namespace
}  // namespace concordat::enclave
