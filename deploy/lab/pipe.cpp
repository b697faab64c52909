#include "deploy/lab/pipe.hpp"

#include <fcntl.h>

#include <cerrno>

#include "deploy/lab/error.hpp"

namespace concordat::lab {

base::Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe");
  return Pipe{base::Descriptor(ends[0]), base::Descriptor(ends[1])};
}

base::Result<std::string> read_to_end(int fd, std::size_t max) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("reading a pipe");
    if (n == 0 || text.size() > max) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace concordat::lab
