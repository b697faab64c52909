// A worker's API on loopback TCP, in network namespaces of their own: there `lo` is down, as in an
// enclave's kernel that has just booted.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>

#include "deploy/enclave/loopback.hpp"
#include "tests/enclave/loopback_exchange.hpp"

namespace concordat::enclave {
namespace {

using test::connect_on_loopback;
using test::exchange_on_loopback;

constexpr const char* kNoNamespace = "no network namespace: ";

// What `body` says in a child that has a new network namespace and every capability over it.
std::string in_new_network(const std::function<std::string()>& body) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  const base::Descriptor read_end(ends[0]);
  base::Descriptor write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const int spaces = ::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
    const std::string said =
        ::unshare(spaces) == 0 ? body() : kNoNamespace + std::string(std::strerror(errno));
    [[maybe_unused]] const ssize_t n = ::write(write_end.get(), said.data(), said.size());
    ::_exit(0);
  }
  write_end.reset();
  std::string said;
  char part[512];
  for (ssize_t n = 0; (n = ::read(read_end.get(), part, sizeof part)) > 0;)
    said.append(part, static_cast<std::size_t>(n));
  ::waitpid(child, nullptr, 0);
  return said;
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capset, &header, none) != 0) ::_exit(1);
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
    drop_capabilities();
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
    drop_capabilities();
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
