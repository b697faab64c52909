// Who may connect to the agent: the application that it starts, and no other user of the enclave.
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "deploy/enclave/agent_listeners.hpp"
#include "deploy/enclave/application.hpp"
#include "peer/socket_address.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::enclave {
namespace {

class AgentSocket : public testing::Test {
 protected:
  AgentSocket() { std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755)); }

  // errno of connect(2) by a process of this user and group, without others; 0: it is connected.
  int connect_as(uid_t user) const {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
          ::setresuid(user, user, user) != 0) {
        ::_exit(255);
      }
      const auto address = peer::address_of(endpoint_).value();
      const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
      const int done = ::connect(socket, address.data(), static_cast<socklen_t>(address.size()));
      ::_exit(done == 0 ? 0 : errno);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }
  struct stat file() const {
    struct stat status {};
    EXPECT_EQ(::lstat(endpoint_.path.c_str(), &status), 0);
    return status;
  }

  test::TemporaryFolder folder_;
  peer::UnixEndpoint endpoint_{folder_.path() / "agent.sock"};
  boost::asio::io_context io_;
};

TEST_F(AgentSocket, IsForRootAndTheApplication) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root: agent and application are one user";
  const auto listener = listen_for_application(io_, endpoint_);
  ASSERT_TRUE(listener) << listener.error().to_string();
  EXPECT_EQ(file().st_mode & 07777, 0660U);
  EXPECT_EQ(file().st_uid, 0U);
  EXPECT_EQ(file().st_gid, kApplicationUser);
  EXPECT_EQ(::getgroups(0, nullptr), 0) << "the agent stays a member of its application's group";
  EXPECT_EQ(connect_as(kApplicationUser), 0);
  EXPECT_EQ(connect_as(0), 0);
  EXPECT_EQ(connect_as(1000), EACCES);
}

TEST_F(AgentSocket, IsForTheOnlyUserWhereTheAgentIsNotRoot) {
  const pid_t child = ::fork();
  if (child == 0) {
    const uid_t user = ::geteuid() == 0 ? 1000 : ::geteuid();
    if (::geteuid() == 0 &&
        (::chown(folder_.path().c_str(), user, user) != 0 || ::setresuid(user, user, user) != 0)) {
      ::_exit(1);
    }
    const auto listener = listen_for_application(io_, endpoint_);
    ::_exit(listener && (file().st_mode & 07777) == 0600 && file().st_uid == user ? 0 : 2);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace concordat::enclave
