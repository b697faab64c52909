#include "deploy/enclave/application.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "attest/base/descriptor.hpp"

namespace concordat::enclave {
namespace {

// What the child tells before it gives up: the step that failed and its errno.
struct Failure {
  int error = 0;
  char step[32] = {};
};

// In the child, between fork and exec: system calls only. Returns what failed, or null.
const char* drop_privileges(pid_t agent) {
  // The agent ignores SIGPIPE, and an ignored signal stays ignored across exec.
  if (::signal(SIGPIPE, SIG_DFL) == SIG_ERR) return "SIGPIPE";
  if (::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0) return "setgroups";
    if (::setresgid(kApplicationUser, kApplicationUser, kApplicationUser) != 0) return "setresgid";
    if (::setresuid(kApplicationUser, kApplicationUser, kApplicationUser) != 0) return "setresuid";
  }
  // After the change of user, which clears it; and an agent that ended before sends no signal.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "PR_SET_PDEATHSIG";
  if (::getppid() != agent) return "the agent has ended";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "PR_SET_NO_NEW_PRIVS";
  return nullptr;
}

[[noreturn]] void become(char* const* arguments, pid_t agent, int report) {
  const char* failed = drop_privileges(agent);
  // Everything above standard error goes at exec, the report too: its end says that exec worked.
  if (failed == nullptr && ::syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    failed = "close_range";
  }
  if (failed == nullptr) {
    char* environment[] = {nullptr};
    ::execve(arguments[0], arguments, environment);
    failed = "execve";
  }
  Failure failure;
  failure.error = errno;
  std::strncpy(failure.step, failed, sizeof failure.step - 1);
  [[maybe_unused]] const ssize_t told = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

}  // namespace

base::CodeInfo describe(ApplicationErrc code) noexcept {
  switch (code) {
    case ApplicationErrc::cannot_start:
      return {"cannot_start_application", "the application could not be started"};
  }
  return {"unknown", "unknown application error"};
}

std::optional<std::vector<std::string>> application_of(int argc, char** argv) {
  if (argc <= 1) return std::vector<std::string>();
  if (argc < 3 || std::string_view(argv[1]) != "--") return std::nullopt;
  return std::vector<std::string>(argv + 2, argv + argc);
}

base::Result<pid_t> start_application(const std::vector<std::string>& command) {
  const auto fail = [&](const std::string& what, int error = errno) {
    return base::Error(ApplicationErrc::cannot_start,
                       command[0] + ": " + what + ": " + std::strerror(error));
  };
  std::vector<char*> arguments;
  for (const std::string& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail("pipe");
  const base::Descriptor read_end(ends[0]);
  base::Descriptor write_end(ends[1]);
  const pid_t agent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail("fork");
  if (child == 0) become(arguments.data(), agent, write_end.get());
  write_end.reset();
  Failure failure;
  ssize_t told = 0;
  do {
    told = ::read(read_end.get(), &failure, sizeof failure);
  } while (told < 0 && errno == EINTR);
  if (told == 0) return child;
  ::waitpid(child, nullptr, 0);
  return fail(told == sizeof failure ? failure.step : "starting", failure.error);
}

}  // namespace concordat::enclave
