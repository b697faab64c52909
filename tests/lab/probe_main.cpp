// The program that the tests run as an enclave: it says what it sees of the world, one "key=value"
// a line, and does what its first argument asks.
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "deploy/lab/lab_nsm_socket.hpp"
#include "deploy/lab/unix_socket.hpp"

// Leak detection traces its own process, which confinement may forbid.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}

namespace {

namespace fs = std::filesystem;
namespace lab = concordat::lab;
namespace nsm = concordat::attest::nsm;

void say(const std::string& key, const std::string& value) {
  std::printf("%s=%s\n", key.c_str(), value.c_str());
  std::fflush(stdout);
}
void say(const std::string& key, long value) {
  say(key, std::to_string(value));
}

std::string joined(const std::set<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string interfaces_up() {
  std::set<std::string> names;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "unknown";
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if ((at->ifa_flags & IFF_UP) != 0) names.insert(at->ifa_name);
  }
  ::freeifaddrs(list);
  return joined(names);
}

std::string interfaces() {
  std::set<std::string> names;
  struct if_nameindex* list = ::if_nameindex();
  for (auto* at = list; at != nullptr && at->if_index != 0; ++at)
    names.insert(at->if_name);
  ::if_freenameindex(list);
  return joined(names);
}

// By signal 0, which needs no /proc.
std::string visible_processes() {
  std::set<std::string> found;
  for (pid_t pid = 1; pid < 100'000; ++pid) {
    if (::kill(pid, 0) == 0 || errno == EPERM) found.insert(std::to_string(pid));
  }
  return joined(found);
}

std::string open_descriptors() {
  std::set<std::string> found;
  for (int fd = 0; fd < 4096; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) found.insert(std::to_string(fd));
  }
  return joined(found);
}

// Those that it has or could be given.
std::string capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return "unknown";
  std::set<std::string> found;
  for (int i = 0; i < 64; ++i) {
    const auto& part = data[CAP_TO_INDEX(i)];
    const unsigned held = part.effective | part.permitted | part.inheritable;
    if ((held & CAP_TO_MASK(i)) != 0 || ::prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) {
      found.insert(std::to_string(i));
    }
  }
  return joined(found);
}

std::string root_entries() {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/", ignored)) {
    names.insert(entry.path().filename().string());
  }
  return joined(names);
}

bool can_write(const char* path) {
  const int fd = ::open(path, O_CREAT | O_WRONLY, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

void report_nsm() {
  auto device = lab::LabNsmSocket::connect();
  if (!device) {
    say("nsm", device.error().to_string());
    return;
  }
  const auto description = nsm::describe_nsm(**device);
  say("module_id", description ? description->module_id : description.error().to_string());
  for (const std::uint16_t index : {std::uint16_t{0}, std::uint16_t{4}, std::uint16_t{8}}) {
    const auto pcr = nsm::describe_pcr(**device, index);
    say("pcr" + std::to_string(index), pcr ? pcr->data.hex() : pcr.error().to_string());
  }
}

int report(char** environment) {
  char host[65] = "";
  ::gethostname(host, sizeof host - 1);
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  say("uid", static_cast<long>(::getuid()));
  say("gid", static_cast<long>(::getgid()));
  say("groups", ::getgroups(0, nullptr));
  say("pid", ::getpid());
  say("host", host);
  say("folder", fs::current_path().string());
  say("environment", environment[0] == nullptr ? "empty" : environment[0]);
  say("descriptors", open_descriptors());
  say("interfaces", interfaces());
  say("interfaces_up", interfaces_up());
  say("processes", visible_processes());
  say("capabilities", capabilities());
  say("no_new_privs", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  say("core", static_cast<long>(core.rlim_cur));
  say("root", root_entries());
  say("can_write_root", can_write("/new") || can_write("/bin/new"));
  say("can_write_tmp", can_write("/tmp/new"));
  say("can_become_another", ::setuid(::getuid() == 0 ? 1 : 0) == 0);
  say("can_unshare", ::unshare(CLONE_NEWNET) == 0);
  report_nsm();
  return 0;
}

// As an agent's application is.
int report_as_application(char** environment) {
  constexpr uid_t kApplication = 65534;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kApplication, kApplication, kApplication) != 0 ||
      ::setresuid(kApplication, kApplication, kApplication) != 0) {
    return 1;
  }
  return report(environment);
}

// Sends a word to the parent and repeats what comes back.
int call_parent() {
  const auto parent = lab::connect_unix(lab::kParentSocket, lab::Blocking::yes);
  if (!parent) {
    say("parent", parent.error().to_string());
    return 1;
  }
  const std::string word = "hello parent";
  if (!lab::send_frame(parent->get(), concordat::base::as_bytes(word))) return 1;
  const auto answer = lab::receive_frame(parent->get(), 100);
  say("parent", answer ? std::string(concordat::base::as_text(*answer)) : "closed");
  return 0;
}

// Answers one inbound caller with what it sent.
int answer_inbound() {
  const auto listener = lab::listen_unix(lab::kInboundSocket);
  if (!listener) return 1;
  ::fcntl(listener->get(), F_SETFL, 0);
  say("inbound", "listening");
  const concordat::base::Descriptor caller(::accept(listener->get(), nullptr, nullptr));
  const auto frame = lab::receive_frame(caller.get(), 100);
  if (!frame || !lab::send_frame(caller.get(), *frame)) return 1;
  return 0;
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  const std::string what = argc > 1 ? argv[1] : "report";
  if (what == "report") return report(environment);
  if (what == "report-as-application") return report_as_application(environment);
  if (what == "call-parent") return call_parent();
  if (what == "answer-inbound") return answer_inbound();
  if (what == "link-inbound") {  // a hostile enclave points its parent at a socket of the machine
    ::unlink(lab::kInboundSocket);
    if (::symlink(argv[2], lab::kInboundSocket) != 0) return 1;
    say("inbound", "linked");
    for (;;)
      ::pause();
  }
  if (what == "lock-folder") {
    fs::create_directories("lab/locked/inner");
    fs::permissions("lab/locked", fs::perms::none);
    return 0;
  }
  if (what == "flood") {
    const std::string line(1000, 'x');
    for (int i = 0; i < 20'000; ++i)
      std::printf("%s\n", line.c_str());
    return 0;
  }
  if (what == "exit") return std::atoi(argv[2]);
  say("ready", "1");
  for (;;)
    ::pause();
}
