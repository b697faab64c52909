#include "deploy/lab/launcher.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "deploy/lab/error.hpp"
#include "deploy/lab/pipe.hpp"
#include "deploy/lab/remove_tree.hpp"

namespace concordat::lab {
namespace {

using base::Descriptor;
using base::Error;
using base::Result;
using base::Status;

// A hypervisor that is root gives each enclave two users: its root and its application's. An
// ordinary user can map none but itself (user_namespaces(7)), so that there the two are one.
constexpr uid_t kRootInside = 0;
constexpr uid_t kApplicationInside = 65534;
constexpr uid_t kOnlyUserInside = 1000;
// systemd leaves 60578 to 61183 to nobody (systemd.io/UIDS-GIDS), and containers map them.
constexpr uid_t kFirstUserOutside = 60600;
constexpr unsigned kUsersPerSlot = 2;
constexpr rlim_t kLockedMemory = rlim_t{64} << 20;  // for secrets in guarded memory
constexpr int kFailed = 125;

constexpr Confinement kBestFirst[] = {Confinement::user_namespace, Confinement::namespaces,
                                      Confinement::other_user, Confinement::none};

bool is_root() {
  return ::geteuid() == 0;
}

bool needs_root(Confinement confinement) {
  return confinement == Confinement::namespaces || confinement == Confinement::other_user;
}

uid_t user_inside(const LaunchRequest& request) {
  if (request.confinement != Confinement::user_namespace) return outside_user(request.slot);
  return is_root() ? kRootInside : kOnlyUserInside;
}

// An ordinary user may write the user map of a process only while that is dumpable, which a
// hardened hypervisor and its copies are not. Nothing is given away that this user's files do not
// hold.
class DumpableForAMoment {
 public:
  explicit DumpableForAMoment(Confinement confinement)
      : needed_(confinement == Confinement::user_namespace && !is_root() &&
                ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0) {
    if (needed_) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  }
  ~DumpableForAMoment() {
    // The copy stays as it is until the program replaces it.
    if (needed_ && ::getpid() == owner_) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  }
  DumpableForAMoment(const DumpableForAMoment&) = delete;
  DumpableForAMoment& operator=(const DumpableForAMoment&) = delete;

 private:
  bool needed_;
  pid_t owner_ = ::getpid();
};

// A fork into new namespaces. Everything after it runs with a copy of this one-threaded process.
Result<EnclaveProcess> clone_process(unsigned long flags) {
  int handle = -1;
  const long pid =
      ::syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, nullptr, &handle, nullptr, nullptr);
  if (pid < 0) return system_error("clone");
  EnclaveProcess process;
  process.pid = static_cast<pid_t>(pid);
  if (pid > 0) process.handle = Descriptor(handle);
  return process;
}

// The kernel wants a map in one write.
Status write_map(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.open() || ::write(file.get(), text.data(), text.size()) < 0) return system_error(path);
  return {};
}

std::string map_line(unsigned inside, unsigned outside) {
  return std::to_string(inside) + " " + std::to_string(outside) + " 1\n";
}

Status map_user(pid_t pid, unsigned slot) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const uid_t outside = outside_user(slot);
  if (is_root()) {
    const std::string both =
        map_line(kRootInside, outside) + map_line(kApplicationInside, outside + 1);
    CONCORDAT_CHECK(write_map(folder + "/uid_map", both));
    return write_map(folder + "/gid_map", both);
  }
  CONCORDAT_CHECK(write_map(folder + "/uid_map", map_line(kOnlyUserInside, outside)));
  // Required of ordinary users (user_namespaces(7)).
  CONCORDAT_CHECK(write_map(folder + "/setgroups", "deny"));
  return write_map(folder + "/gid_map", map_line(kOnlyUserInside, ::getegid()));
}

// The new process: waits until its user is mapped, confines itself, starts the program. Where that
// fails it leaves the reason in the pipe; where it succeeds the pipe closes.
[[noreturn]] void run_child(const SandboxPlan& plan, Pipe& go, Pipe& report) {
  go.write.reset();
  std::uint8_t byte = 0;
  const bool may_go = ::read(go.read.get(), &byte, 1) == 1;
  const Status done =
      may_go ? enter_sandbox(plan, report.write.get()) : Status(Error(LabErrc::launch_failed));
  if (done) ::_exit(0);
  const std::string why = done.error().detail();
  [[maybe_unused]] const ssize_t written = ::write(report.write.get(), why.data(), why.size());
  ::_exit(kFailed);
}

// Lets the child go on and waits for its report; empty means that the program has started.
Result<std::string> let_go(const EnclaveProcess& process, const LaunchRequest& request, Pipe& go,
                           Pipe& report) {
  report.write.reset();
  if (request.confinement == Confinement::user_namespace) {
    CONCORDAT_CHECK(map_user(process.pid, request.slot));
  }
  const std::uint8_t byte = 1;
  if (::write(go.write.get(), &byte, 1) != 1) return system_error("pipe");
  return read_to_end(report.read.get(), 4096);
}

Error launch_failed(Confinement confinement, const std::string& why) {
  return {LabErrc::launch_failed, std::string(name_of(confinement)) + ": " + why};
}

Status try_confinement(Confinement confinement, const std::filesystem::path& scratch) {
  CONCORDAT_CHECK(make_root_folder(scratch, outside_user(0)));
  LaunchRequest request;
  request.confinement = confinement;
  request.root = scratch;
  auto process = launch(request);
  if (process) {
    const std::string end = collect(*process);
    if (end != "exit status 0") process = launch_failed(confinement, end);
  }
  if (!remove_tree(scratch)) return launch_failed(confinement, scratch.string() + " stays");
  return process ? Status() : Status(process.error());
}

void raise_locked_memory() {
  // Where it is refused the programs say themselves how much of their memory is not locked.
  const rlimit wanted{kLockedMemory, kLockedMemory};
  rlimit present{};
  if (::getrlimit(RLIMIT_MEMLOCK, &present) != 0 || present.rlim_cur >= kLockedMemory) return;
  if (::setrlimit(RLIMIT_MEMLOCK, &wanted) == 0) return;
  present.rlim_cur = present.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &present);
}

Status make_folder(const std::filesystem::path& path, uid_t owner, mode_t mode = 0755) {
  if (::mkdir(path.c_str(), 0755) != 0) return system_error(path.string());
  if (::chmod(path.c_str(), mode) != 0) return system_error(path.string());
  if (owner != ::geteuid() && ::chown(path.c_str(), owner, owner) != 0) {
    return system_error(path.string());
  }
  return {};
}

}  // namespace

uid_t outside_user(unsigned slot) noexcept {
  return is_root() ? kFirstUserOutside + kUsersPerSlot * slot : ::geteuid();
}

Status make_root_folder(const std::filesystem::path& folder, uid_t owner) {
  CONCORDAT_CHECK(make_folder(folder, ::geteuid()));
  CONCORDAT_CHECK(make_folder(folder / "dev", ::geteuid()));
  for (const std::string_view device : kDevices) {
    const Descriptor place(
        ::open((folder / "dev" / device).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
    if (!place.open()) return system_error((folder / "dev" / device).string());
  }
  CONCORDAT_CHECK(make_folder(folder / "proc", ::geteuid()));
  CONCORDAT_CHECK(make_folder(folder / "tmp", owner));
  CONCORDAT_CHECK(make_folder(folder / "lab", owner));
  // As /tmp is, but seen from outside: an application listens here, which is another user than its
  // agent.
  return make_folder(folder / "lab" / "app", owner, 01777);
}

ConfinementReport find_confinement(const std::filesystem::path& scratch) {
  raise_locked_memory();
  ConfinementReport report;
  for (const Confinement confinement : kBestFirst) {
    if (needs_root(confinement) && !is_root()) continue;
    const Status works = try_confinement(confinement, scratch);
    if (works) {
      report.confinement = confinement;
      return report;
    }
    report.reason += (report.reason.empty() ? "" : "; ") + works.error().detail();
  }
  return report;
}

Result<EnclaveProcess> launch(const LaunchRequest& request) {
  CONCORDAT_TRY(Pipe go, make_pipe());
  CONCORDAT_TRY(Pipe report, make_pipe());
  const SandboxPlan plan{.confinement = request.confinement,
                         .root = request.root.string(),
                         .command = request.command,
                         .user = user_inside(request),
                         .console = request.console};
  auto process = [&] {
    const DumpableForAMoment dumpable(request.confinement);
    return clone_process(clone_flags(request.confinement));
  }();
  if (!process) return launch_failed(request.confinement, process.error().detail());
  if (process->pid == 0) run_child(plan, go, report);
  go.read.reset();
  auto reported = let_go(*process, request, go, report);
  if (reported && reported->empty()) return process;
  go.write.reset();
  kill_enclave(*process, request.confinement);
  [[maybe_unused]] const std::string end = collect(*process);
  return launch_failed(request.confinement, reported ? *reported : reported.error().detail());
}

void kill_enclave(const EnclaveProcess& process, Confinement confinement) {
  ::syscall(SYS_pidfd_send_signal, process.handle.get(), SIGKILL, nullptr, 0);
  // With a PID namespace its first process takes the others along. Without, they share a session
  // and a process group with it; the process is not collected yet, so the number is still its own.
  if (clone_flags(confinement) == 0) ::kill(-process.pid, SIGKILL);
}

std::string collect(const EnclaveProcess& process) {
  siginfo_t information{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process.handle.get()), &information, WEXITED) != 0) {
    if (errno != EINTR) return system_error("wait").detail();
  }
  return (information.si_code == CLD_EXITED ? "exit status " : "signal ") +
         std::to_string(information.si_status);
}

}  // namespace concordat::lab
