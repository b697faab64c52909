// Whole small files: bounded reads, atomic writes with a mode.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include "attest/base/bytes.hpp"
#include "attest/base/secret.hpp"

namespace concordat::base {

enum class FileErrc { cannot_read = 1, cannot_write, too_large };
[[nodiscard]] CodeInfo describe(FileErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(FileErrc) {
  return "file";
}
[[nodiscard]] inline boost::system::error_code make_error_code(FileErrc e) {
  return enum_code(e);
}

// "-" reads standard input. Larger than `max` bytes is too_large.
[[nodiscard]] Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max);
// At most its first `max` bytes: for formats whose own reader says where a file grows too large.
[[nodiscard]] Result<Bytes> read_file_start(const std::filesystem::path& path, std::size_t max);
// read_file into guarded memory; the bytes pass through no other buffer of ours.
[[nodiscard]] Result<SecretBytes> read_secret_file(const std::filesystem::path& path,
                                                   std::size_t max);
// Replaces the file as a whole (temporary file beside it, fsync, rename, fsync of the folder):
// after a crash there is the old content or the new.
[[nodiscard]] Status write_file(const std::filesystem::path& path, BytesView content,
                                mode_t mode = 0644);

}  // namespace concordat::base
