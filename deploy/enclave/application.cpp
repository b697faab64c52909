#include "deploy/enclave/application.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "attest/base/descriptor.hpp"

namespace concordat::enclave {
namespace {

constexpr uid_t kNobody = 65534;

// In the child, between fork and exec: system calls only. Returns what failed, or null.
const char* drop_privileges() {
  // The agent ignores SIGPIPE, and an ignored signal stays ignored across exec.
  if (::signal(SIGPIPE, SIG_DFL) == SIG_ERR) return "SIGPIPE";
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "PR_SET_PDEATHSIG";
  if (::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0 && errno != EPERM) return "setgroups";
    if (::setresgid(kNobody, kNobody, kNobody) != 0) return "setresgid";
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return "setresuid";
    // Another user's death signal is cleared by the change of user.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "PR_SET_PDEATHSIG";
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "PR_SET_NO_NEW_PRIVS";
  return nullptr;
}

[[noreturn]] void become(char* const* arguments, int report) {
  const char* failed = drop_privileges();
  // Everything above standard error goes at exec, the report too: its end says that exec worked.
  if (failed == nullptr && ::syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    failed = "close_range";
  }
  if (failed == nullptr) {
    char* environment[] = {nullptr};
    ::execve(arguments[0], arguments, environment);
    failed = "execve";
  }
  const std::string_view step = failed;
  [[maybe_unused]] const ssize_t told = ::write(report, step.data(), step.size());
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
  const auto fail = [&](const std::string& what) {
    return base::Error(ApplicationErrc::cannot_start,
                       command[0] + ": " + what + ": " + std::strerror(errno));
  };
  std::vector<char*> arguments;
  for (const std::string& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail("pipe");
  const base::Descriptor read_end(ends[0]);
  base::Descriptor write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail("fork");
  if (child == 0) become(arguments.data(), write_end.get());
  write_end.reset();
  char step[32];
  const ssize_t told = ::read(read_end.get(), step, sizeof step);
  if (told > 0) {
    errno = 0;
    return base::Error(
        ApplicationErrc::cannot_start,
        command[0] + ": " + std::string(step, static_cast<std::size_t>(told)) + " failed");
  }
  return child;
}

}  // namespace concordat::enclave
