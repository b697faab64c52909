// What an enclave writes to its console, in a file of bounded size.
#pragma once

#include <filesystem>

#include "attest/base/descriptor.hpp"
#include "deploy/lab/reactor.hpp"

namespace concordat::lab {

class ConsoleLog {
 public:
  static constexpr std::size_t kMaxSize = std::size_t{16} << 20;

  // Copies from `source`, the read end of the enclave's pipe, to a new file at `path` (mode 0600).
  // What comes after kMaxSize bytes is dropped, with one line that says so. `reactor` outlives it.
  [[nodiscard]] static base::Result<std::unique_ptr<ConsoleLog>> open(
      Reactor& reactor, base::Descriptor source, const std::filesystem::path& path);
  // Copies what is still in the pipe.
  ~ConsoleLog();
  ConsoleLog(const ConsoleLog&) = delete;
  ConsoleLog& operator=(const ConsoleLog&) = delete;

 private:
  ConsoleLog(Reactor& reactor, base::Descriptor source, base::Descriptor file);
  // False: nothing more is there now, or ever.
  bool copy_some();

  Reactor& reactor_;
  base::Descriptor source_;
  base::Descriptor file_;
  std::size_t left_ = kMaxSize;
};

}  // namespace concordat::lab
