#include "attest/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "attest/base/descriptor.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

Error system_error(FileErrc code, const std::filesystem::path& path) {
  return Error(code, path.string() + ": " + std::strerror(errno));
}

int open_for_reading(const std::filesystem::path& path) {
  return path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                     : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

// Fills `out` as far as the file goes.
Result<std::size_t> read_some(int fd, std::span<std::uint8_t> out,
                              const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::read(fd, out.data() + done, out.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(FileErrc::cannot_read, path);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Error too_large(const std::filesystem::path& path, std::size_t max) {
  return Error(FileErrc::too_large,
               path.string() + ": more than " + std::to_string(max) + " bytes");
}

Status write_all(int fd, BytesView content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(FileErrc::cannot_write, path);
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status sync_folder(const std::filesystem::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open() || ::fsync(fd.get()) != 0) return system_error(FileErrc::cannot_write, folder);
  return {};
}

}  // namespace

CodeInfo describe(FileErrc code) noexcept {
  switch (code) {
    case FileErrc::cannot_read:
      return {"cannot_read", "cannot read the file"};
    case FileErrc::cannot_write:
      return {"cannot_write", "cannot write the file"};
    case FileErrc::too_large:
      return {"file_too_large", "the file is larger than allowed"};
  }
  return {"unknown", "unknown file error"};
}

Result<Bytes> read_file_start(const std::filesystem::path& path, std::size_t max) {
  const Descriptor fd(open_for_reading(path));
  if (!fd.open()) return system_error(FileErrc::cannot_read, path);
  constexpr std::size_t kChunk = 64 * 1024;
  Bytes out;
  for (bool end = false; !end && out.size() < max;) {
    const std::size_t have = out.size();
    out.resize(have + std::min(kChunk, max - have));
    CONCORDAT_TRY(const std::size_t n, read_some(fd.get(), std::span(out).subspan(have), path));
    end = n < out.size() - have;
    out.resize(have + n);
  }
  return out;
}

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max) {
  CONCORDAT_TRY(Bytes out, read_file_start(path, max + 1));
  if (out.size() > max) return too_large(path, max);
  return out;
}

Result<SecretBytes> read_secret_file(const std::filesystem::path& path, std::size_t max) {
  const Descriptor fd(open_for_reading(path));
  if (!fd.open()) return system_error(FileErrc::cannot_read, path);
  SecretBytes buffer = SecretBytes::zeroed(max + 1);
  const auto bytes = buffer.expose_mutable(SecretAccess{});
  CONCORDAT_TRY(const std::size_t size, read_some(fd.get(), bytes, path));
  if (size > max) return too_large(path, max);
  return SecretBytes::take(bytes.first(size));
}

Status write_file(const std::filesystem::path& path, BytesView content, mode_t mode) {
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.open()) return system_error(FileErrc::cannot_write, path);
  Status done = write_all(fd.get(), content, path);
  if (done && (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0 ||
               ::rename(temporary.c_str(), path.c_str()) != 0)) {
    done = system_error(FileErrc::cannot_write, path);
  }
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  return sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

}  // namespace concordat::base
