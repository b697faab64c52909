// Ramdisk archives in the "newc" form of cpio (linux Documentation/driver-api/early-userspace/
// buffer-format.rst): what an enclave's root directory is made of. Directories and regular files
// only; the same files give the same bytes.
#pragma once

#include <map>
#include <string>

#include "attest/base/bytes.hpp"

namespace concordat::lab {

struct ArchivedFile {
  bool executable = false;
  base::Bytes content;
  friend bool operator==(const ArchivedFile&, const ArchivedFile&) = default;
};

// Relative path -> file. Directories follow from the paths.
using FileTree = std::map<std::string, ArchivedFile>;

enum class CpioErrc {
  bad_magic = 1,
  bad_number,
  truncated,
  bad_path,
  unsupported_type,
  duplicate_path,
  trailing_bytes,
};
[[nodiscard]] base::CodeInfo describe(CpioErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(CpioErrc) {
  return "cpio";
}
[[nodiscard]] inline boost::system::error_code make_error_code(CpioErrc e) {
  return base::enum_code(e);
}

// Relative, 1 to 1,024 bytes, made of components other than "", "." and "..", without NUL.
[[nodiscard]] bool is_archive_path(std::string_view path) noexcept;

// Every path must be an archive path. Owner, times and inode numbers do not enter.
[[nodiscard]] base::Bytes write_cpio(const FileTree& files);

// One archive, its trailer, then at most zero bytes. A path that is a file and a directory, that
// comes twice or that leaves the root is an error; so is everything but files and directories.
[[nodiscard]] base::Result<FileTree> read_cpio(base::BytesView archive);

}  // namespace concordat::lab
