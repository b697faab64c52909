// A process of a test's own, which it may spoil: its limits, its capabilities, its namespaces.
#pragma once

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "attest/base/descriptor.hpp"

namespace concordat::test {

// What `body` says in a child; what it throws, otherwise. Empty where the child ended before.
[[nodiscard]] inline std::string said_in_a_child(const std::function<std::string()>& body) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  const base::Descriptor read_end(ends[0]);
  base::Descriptor write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string said;
    try {
      said = body();
    } catch (const std::exception& error) {
      said = error.what();
    }
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

// Of this process, all of them.
[[nodiscard]] inline bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

}  // namespace concordat::test
