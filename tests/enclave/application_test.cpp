// The application beside an agent: another user, no way to more privilege, nothing inherited, and
// no life of its own.
#include "deploy/enclave/application.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <sstream>

#include "attest/base/descriptor.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::enclave {
namespace {

using base::Descriptor;

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  Descriptor read, write;
};

// What is written to standard output while it lives goes into a pipe, as to an enclave's console.
class Console {
 public:
  Console() : kept_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    EXPECT_EQ(::dup2(pipe_.write.get(), STDOUT_FILENO), STDOUT_FILENO);
    pipe_.write.reset();
  }
  ~Console() { restore(); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void restore() {
    if (kept_.open()) ::dup2(kept_.get(), STDOUT_FILENO);
    kept_.reset();
  }
  // Until every process that writes there has ended.
  std::map<std::string, std::string> read_lines() {
    restore();
    std::stringstream text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(pipe_.read.get(), buffer, sizeof buffer)) > 0;)
      text.write(buffer, n);
    std::map<std::string, std::string> lines;
    for (std::string line; std::getline(text, line);) {
      const std::size_t equals = line.find('=');
      if (equals != std::string::npos) lines[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return lines;
  }

 private:
  Pipe pipe_;
  Descriptor kept_;
};

class Application : public testing::Test {
 protected:
  // Where another user can start it, wherever it was built.
  Application() : program_(folder_.path() / "application") {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    std::filesystem::copy_file(CONCORDAT_TEST_APPLICATION, program_);
  }
  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> out{program_.string()};
    out.insert(out.end(), arguments.begin(), arguments.end());
    return out;
  }

 private:
  test::TemporaryFolder folder_;
  std::filesystem::path program_;
};

// The status that an agent passes on.
int exit_status_of(const base::Result<pid_t>& application) {
  EXPECT_TRUE(application) << application.error().to_string();
  int status = -1;
  EXPECT_EQ(::waitpid(application.value(), &status, 0), application.value());
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status);
}

TEST_F(Application, IsAnotherUserWithoutPrivilegeAndInheritsNothing) {
  ::setenv("CONCORDAT_TEST_LEAK", "1", 1);
  const Descriptor leak(::dup(STDERR_FILENO));  // stays open on exec unless something closes it
  const auto former = std::signal(SIGPIPE, SIG_IGN);
  Console console;
  const auto application = start_application(command({"report"}));
  auto seen = console.read_lines();
  std::signal(SIGPIPE, former);
  ::unsetenv("CONCORDAT_TEST_LEAK");
  EXPECT_EQ(exit_status_of(application), 0);
  EXPECT_EQ(seen["environment"], "empty");
  EXPECT_EQ(seen["inherited"], "");
  EXPECT_EQ(seen["no_new_privs"], "1");
  EXPECT_EQ(seen["sigpipe"], "default");
  EXPECT_EQ(seen["can_become_root"], "0");
  EXPECT_EQ(seen["capabilities"], "none");
  const std::string user = std::to_string(::geteuid() == 0 ? kApplicationUser : ::geteuid());
  EXPECT_EQ(seen["uid"], user);
  EXPECT_EQ(seen["euid"], user);
  if (::geteuid() == 0) {
    EXPECT_EQ(seen["gid"], user);
    EXPECT_EQ(seen["groups"], "0");
  }
}

TEST_F(Application, ItsExitStatusReachesTheAgent) {
  EXPECT_EQ(exit_status_of(start_application(command({"exit", "0"}))), 0);
  EXPECT_EQ(exit_status_of(start_application(command({"exit", "23"}))), 23);
}

TEST_F(Application, AProgramThatCannotStartIsNamedWithItsStep) {
  const auto missing = start_application({"/no/such/program"});
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().is(ApplicationErrc::cannot_start));
  EXPECT_EQ(missing.error().detail(), "/no/such/program: execve: No such file or directory");
  EXPECT_EQ(start_application({"/"}).error().detail(), "/: execve: Permission denied");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child of a failed start was left behind";
}

// Readable when the process has ended, whose parent need not be this one.
Descriptor watch_end_of(pid_t process) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}

TEST_F(Application, EndsWithItsAgent) {
  Pipe told;
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto application = start_application(command({"wait"}));
    const pid_t process = application ? *application : 0;
    [[maybe_unused]] const ssize_t n = ::write(told.write.get(), &process, sizeof process);
    for (;;)
      ::pause();
  }
  pid_t application = 0;
  ASSERT_EQ(::read(told.read.get(), &application, sizeof application),
            static_cast<ssize_t>(sizeof application));
  ASSERT_GT(application, 0);
  const Descriptor end = watch_end_of(application);
  ASSERT_TRUE(end.open());
  pollfd waiting{end.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0) << "it ended before its agent";
  ::kill(agent, SIGKILL);
  EXPECT_EQ(::waitpid(agent, nullptr, 0), agent);
  EXPECT_EQ(::poll(&waiting, 1, 60'000), 1) << "the application outlives its agent";
}

TEST(ApplicationOf, StandsAfterTwoDashes) {
  const auto parsed = [](std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words)
      arguments.push_back(word.data());
    return application_of(static_cast<int>(arguments.size()), arguments.data());
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(parsed({"agent"}), Words());
  EXPECT_EQ(parsed({"agent", "--", "/bin/x", "--", "-y"}), (Words{"/bin/x", "--", "-y"}));
  EXPECT_EQ(parsed({"agent", "--"}), std::nullopt);
  EXPECT_EQ(parsed({"agent", "/bin/x"}), std::nullopt);
  EXPECT_EQ(parsed({"agent", "--help"}), std::nullopt);
}

}  // namespace
}  // namespace concordat::enclave
