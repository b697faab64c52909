// Pipes between this process and one that it starts.
#pragma once

#include <string>

#include "attest/base/descriptor.hpp"
#include "attest/base/result.hpp"

namespace concordat::lab {

struct Pipe {
  base::Descriptor read;
  base::Descriptor write;
};

// Both ends are closed on exec.
[[nodiscard]] base::Result<Pipe> make_pipe();

// Until the end, or until more than `max` bytes came.
[[nodiscard]] base::Result<std::string> read_to_end(int fd, std::size_t max);

}  // namespace concordat::lab
