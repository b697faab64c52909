#include "keyservice/agent/process_facts_io.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "keyservice/error.hpp"

namespace concordat::keyservice::agent {
namespace {

// "VmLck:      64 kB" of proc(5).
std::uint64_t locked_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "VmLck:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

ProcessFacts process_facts() {
  ProcessFacts out;
  out.user = ::getuid();
  out.effective_user = ::geteuid();
  out.dumpable = ::prctl(PR_GET_DUMPABLE) != 0;
  out.locked_bytes = locked_bytes();
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    out.lockable_bytes = limit.rlim_cur;
  }
  return out;
}

base::Result<unsigned> effective_user_of(int process) {
  const std::string path = "/proc/" + std::to_string(process) + "/status";
  std::ifstream status(path);
  // By lines: the process itself chooses its name, but no new line in it.
  for (std::string line; std::getline(status, line);) {
    unsigned real = 0, effective = 0;
    if (std::sscanf(line.c_str(), "Uid: %u %u", &real, &effective) == 2) return effective;
  }
  return base::Error(Errc::not_ready, path + " does not say");
}

SocketFacts socket_facts(const std::string& path) {
  SocketFacts out{path};
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return out;
  out.is_socket = S_ISSOCK(status.st_mode);
  out.owner = status.st_uid;
  out.mode = status.st_mode & 07777;
  return out;
}

}  // namespace concordat::keyservice::agent
