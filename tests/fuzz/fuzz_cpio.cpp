// Ramdisks come with images of unknown origin. What was read must be written and read back alike.
#include <cstdlib>

#include "deploy/lab/cpio.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto files = concordat::lab::read_cpio({data, size});
  if (!files) return 0;
  for (const auto& [path, file] : *files) {
    if (!concordat::lab::is_archive_path(path)) std::abort();
  }
  const auto again = concordat::lab::read_cpio(concordat::lab::write_cpio(*files));
  if (!again || *again != *files) std::abort();
  return 0;
}
