#include "deploy/lab/sandbox.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "deploy/enclave/loopback.hpp"
#include "deploy/lab/error.hpp"

namespace concordat::lab {
namespace {

using base::Status;

constexpr int kHighestCapability = 63;
constexpr std::array kKeptByRoot = {CAP_SETGID, CAP_SETUID};

bool keeps(const SandboxPlan& plan, int capability) {
  return plan.user == 0 && std::ranges::find(kKeptByRoot, capability) != kKeptByRoot.end();
}

bool has_namespaces(Confinement confinement) {
  return confinement == Confinement::user_namespace || confinement == Confinement::namespaces;
}

Status mount_at(const char* source, const std::string& target, const char* type,
                unsigned long flags, const char* options) {
  if (::mount(source, target.c_str(), type, flags, options) != 0) {
    return system_error("mount " + target);
  }
  return {};
}

// Flags that a less privileged mount namespace may not clear; a remount has to repeat them.
unsigned long locked_flags(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return 0;
  unsigned long flags = 0;
  const std::pair<unsigned long, unsigned long> pairs[] = {
      {ST_NOSUID, MS_NOSUID},   {ST_NODEV, MS_NODEV},           {ST_NOEXEC, MS_NOEXEC},
      {ST_NOATIME, MS_NOATIME}, {ST_NODIRATIME, MS_NODIRATIME}, {ST_RELATIME, MS_RELATIME}};
  for (const auto& [seen, flag] : pairs) {
    if ((status.f_flag & seen) != 0) flags |= flag;
  }
  return flags;
}

// The devices' places are empty files in the root directory: in a user namespace in which the
// hypervisor's own user means nothing, nothing can be created yet.
Status make_devices(const std::string& folder) {
  for (const std::string_view device : kDevices) {
    const std::string source = "/dev/" + std::string(device);
    CONCORDAT_CHECK(
        mount_at(source.c_str(), folder + "/" + std::string(device), nullptr, MS_BIND, nullptr));
  }
  return {};
}

Status make_mounts(const std::string& root, uid_t user) {
  // From here on nothing that is mounted is seen outside, and nothing from outside appears here.
  CONCORDAT_CHECK(mount_at(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  CONCORDAT_CHECK(mount_at(root.c_str(), root, nullptr, MS_BIND, nullptr));
  const std::string lab = root + "/lab";
  CONCORDAT_CHECK(mount_at(lab.c_str(), lab, nullptr, MS_BIND, nullptr));
  CONCORDAT_CHECK(make_devices(root + "/dev"));
  const std::string owner = std::to_string(user);
  const std::string options = "mode=1777,size=64m,uid=" + owner + ",gid=" + owner;
  CONCORDAT_CHECK(mount_at("tmp", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()));
  // A container whose own /proc is masked may not mount one; an enclave without it sees less still.
  if (::mount("proc", (root + "/proc").c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              nullptr) != 0 &&
      errno != EPERM) {
    return system_error("mount /proc");
  }
  return mount_at(nullptr, root, nullptr,
                  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | locked_flags(root),
                  nullptr);
}

// pivot_root(2), "pivot_root(".", ".")": the old root lies under the new one for one moment.
Status change_root(const std::string& root) {
  if (::chdir(root.c_str()) != 0) return system_error("enter " + root);
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return system_error("pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return system_error("leave the old root");
  if (::chdir("/") != 0) return system_error("enter the new root");
  return {};
}

Status enter_root(const SandboxPlan& plan) {
  if (has_namespaces(plan.confinement)) {
    CONCORDAT_CHECK(make_mounts(plan.root, plan.user));
    return change_root(plan.root);
  }
  if (::chdir(plan.root.c_str()) != 0) return system_error("enter " + plan.root);
  if (plan.confinement == Confinement::other_user && ::chroot(".") != 0) {
    return system_error("chroot");
  }
  return {};
}

Status set_limits() {
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return system_error("limit core dumps");
  return {};
}

Status become_user(const SandboxPlan& plan) {
  if (plan.confinement == Confinement::none) return {};
  if (plan.user == 0 && plan.confinement != Confinement::user_namespace) {
    return base::Error(LabErrc::launch_failed, "root inside would be root outside");
  }
  // Without privilege over the parent namespace groups cannot be dropped (user_namespaces(7));
  // there they mean nothing either, since no file of theirs can be reached.
  if (::setgroups(0, nullptr) != 0 && errno != EPERM) return system_error("setgroups");
  if (::setresgid(plan.user, plan.user, plan.user) != 0) return system_error("setresgid");
  if (::setresuid(plan.user, plan.user, plan.user) != 0) return system_error("setresuid");
  return {};
}

Status drop_bounding_set(const SandboxPlan& plan) {
  for (int capability = 0; capability <= kHighestCapability; ++capability) {
    if (!keeps(plan, capability) && ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 &&
        ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return system_error("drop a capability");
    }
  }
  return {};
}

Status drop_capabilities(const SandboxPlan& plan) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return system_error("clear ambient capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {};
  for (int capability = 0; capability <= kHighestCapability; ++capability) {
    if (!keeps(plan, capability)) continue;
    auto& word = kept[CAP_TO_INDEX(capability)];
    word.effective |= CAP_TO_MASK(capability);
    word.permitted |= CAP_TO_MASK(capability);
  }
  if (::syscall(SYS_capset, &header, kept) != 0) return system_error("drop capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("no_new_privs");
  return {};
}

// Standard input is empty, output is the console, and nothing else stays open but `keep`.
Status set_descriptors(int console, int keep) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) return system_error("/dev/null");
  if (console >= 0 && (::dup2(console, STDOUT_FILENO) < 0 || ::dup2(console, STDERR_FILENO) < 0)) {
    return system_error("console");
  }
  const auto above = static_cast<unsigned>(STDERR_FILENO + 1);
  const auto kept = static_cast<unsigned>(keep);
  if ((kept > above && ::close_range(above, kept - 1, 0) != 0) ||
      ::close_range(kept + 1, ~0U, 0) != 0) {
    return system_error("close_range");
  }
  return {};
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number)
    ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
}

Status start(const SandboxPlan& plan) {
  std::vector<char*> arguments;
  for (const std::string& word : plan.command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  char* const environment[] = {nullptr};
  // Without a root directory of its own the program is found below the folder it starts in.
  const std::string path =
      (plan.confinement == Confinement::none ? "." : "") + plan.command.front();
  ::execve(path.c_str(), arguments.data(), environment);
  return system_error("start " + plan.command.front());
}

}  // namespace

std::string_view name_of(Confinement confinement) noexcept {
  switch (confinement) {
    case Confinement::user_namespace:
      return "user_namespace";
    case Confinement::namespaces:
      return "namespaces";
    case Confinement::other_user:
      return "other_user";
    case Confinement::none:
      return "none";
  }
  return "unknown";
}

std::string_view isolation_of(Confinement confinement) noexcept {
  return has_namespaces(confinement) ? "full" : "partial";
}

unsigned long clone_flags(Confinement confinement) noexcept {
  if (!has_namespaces(confinement)) return 0;
  const unsigned long flags =
      CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  return confinement == Confinement::user_namespace ? flags | CLONE_NEWUSER : flags;
}

Status enter_sandbox(const SandboxPlan& plan, int keep) {
  reset_signals();
  ::setsid();  // a session of its own; a new process always may
  CONCORDAT_CHECK(set_limits());
  CONCORDAT_CHECK(set_descriptors(plan.console, keep));
  if (has_namespaces(plan.confinement)) {
    constexpr std::string_view kHostName = "enclave";
    if (::sethostname(kHostName.data(), kHostName.size()) != 0) return system_error("sethostname");
    // What an agent with a setting agent_tcp does in an enclave as its root; here no process keeps
    // CAP_NET_ADMIN. Nothing less isolated is to be had for want of it: such an agent says so.
    (void)enclave::raise_loopback();
  }
  CONCORDAT_CHECK(enter_root(plan));
  if (plan.confinement != Confinement::none) CONCORDAT_CHECK(drop_bounding_set(plan));
  CONCORDAT_CHECK(become_user(plan));
  CONCORDAT_CHECK(drop_capabilities(plan));
  // The last thing, since changing the user clears it: no enclave outlives its hypervisor.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return system_error("death signal");
  if (plan.command.empty()) return {};
  return start(plan);
}

}  // namespace concordat::lab
