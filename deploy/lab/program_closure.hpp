// A program with everything that it needs to start: its dynamic loader and the shared libraries
// that this loader finds on this machine.
#pragma once

#include <filesystem>

#include "deploy/lab/cpio.hpp"

namespace concordat::lab {

struct ProgramClosure {
  std::string path;  // of the program in the image: "bin/NAME"
  FileTree files;    // the program, its loader where the program names it, libraries in lib/
};

// Libraries are found by running the program's own loader with --list and an empty environment; the
// program itself does not run. program_unusable: not an ELF program, or a library is missing.
[[nodiscard]] base::Result<ProgramClosure> gather_program(const std::filesystem::path& program);

inline constexpr std::size_t kMaxImageFile = std::size_t{256} << 20;

}  // namespace concordat::lab
