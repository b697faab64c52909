#include "deploy/lab/program_closure.hpp"

#include <elf.h>
#include <link.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <optional>

#include "attest/base/file.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/pipe.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;

constexpr std::size_t kMaxListing = 64 * 1024;

Error unusable(const std::filesystem::path& program, const std::string& why) {
  return {LabErrc::program_unusable, program.string() + ": " + why};
}

// Copies a structure out of the file; nullopt where the file ends before it does.
template <class Structure>
std::optional<Structure> structure_at(BytesView file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(Structure)) return std::nullopt;
  Structure out;
  std::memcpy(&out, file.data() + offset, sizeof out);
  return out;
}

// The loader that the program names (PT_INTERP); empty for a static program.
Result<std::string> interpreter(const std::filesystem::path& program, BytesView file) {
  const auto header = structure_at<ElfW(Ehdr)>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return unusable(program, "not an ELF program");
  }
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto segment =
        structure_at<ElfW(Phdr)>(file, header->e_phoff + std::uint64_t{i} * header->e_phentsize);
    if (!segment) return unusable(program, "its ELF headers are cut off");
    if (segment->p_type != PT_INTERP) continue;
    if (segment->p_filesz == 0 || segment->p_offset > file.size() ||
        file.size() - segment->p_offset < segment->p_filesz) {
      return unusable(program, "its ELF headers are cut off");
    }
    return std::string(base::as_text(file.subspan(segment->p_offset, segment->p_filesz - 1)));
  }
  return std::string();
}

Result<pid_t> spawn_lister(const std::string& loader, const std::string& program, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  std::string list = "--list";
  char* const arguments[] = {const_cast<char*>(loader.c_str()), list.data(),
                             const_cast<char*>(program.c_str()), nullptr};
  char* const environment[] = {nullptr};
  pid_t child = 0;
  errno = ::posix_spawn(&child, loader.c_str(), &actions, nullptr, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  if (errno != 0) return system_error(loader);
  return child;
}

// What the loader prints: "\tNAME => /path (0x...)" a library; its own line and the vdso have no
// arrow.
Result<std::string> list_libraries(const std::string& loader, const std::string& program) {
  CONCORDAT_TRY(Pipe pipe, make_pipe());
  CONCORDAT_TRY(const pid_t child, spawn_lister(loader, program, pipe.write.get()));
  pipe.write.reset();
  auto text = read_to_end(pipe.read.get(), kMaxListing);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return unusable(program, "its loader " + loader + " does not find all its libraries");
  }
  return text;
}

base::Status add_file(FileTree& files, const std::string& path, const std::filesystem::path& source,
                      bool executable) {
  CONCORDAT_TRY(Bytes content, base::read_file(source, kMaxImageFile));
  files[path] = {executable, std::move(content)};
  return {};
}

// The loader looks in lib/ without being told; so no cache has to be made for the image.
base::Status add_libraries(FileTree& files, std::string_view listing) {
  while (!listing.empty()) {
    const std::size_t end = std::min(listing.find('\n'), listing.size());
    const std::string_view line = listing.substr(0, end);
    listing.remove_prefix(std::min(end + 1, listing.size()));
    const std::size_t arrow = line.find(" => ");
    const std::size_t address = line.rfind(" (");
    if (arrow == std::string_view::npos || address == std::string_view::npos) continue;
    const auto start = line.find_first_not_of(" \t");
    const std::string_view name = line.substr(start, arrow - start);
    if (name.find('/') != std::string_view::npos) continue;
    CONCORDAT_CHECK(add_file(files, "lib/" + std::string(name),
                             line.substr(arrow + 4, address - arrow - 4), true));
  }
  return {};
}

}  // namespace

Result<ProgramClosure> gather_program(const std::filesystem::path& program) {
  CONCORDAT_TRY(Bytes content, base::read_file(program, kMaxImageFile));
  CONCORDAT_TRY(const std::string loader, interpreter(program, content));
  ProgramClosure closure;
  closure.path = "bin/" + program.filename().string();
  if (!is_archive_path(closure.path)) return unusable(program, "not a usable file name");
  closure.files[closure.path] = {true, std::move(content)};
  if (loader.empty()) return closure;
  if (!loader.starts_with('/') || !is_archive_path(loader.substr(1))) {
    return unusable(program, "names a loader that is not an absolute path");
  }
  CONCORDAT_CHECK(add_file(closure.files, loader.substr(1), loader, true));
  CONCORDAT_TRY(const std::string listing,
                list_libraries(loader, std::filesystem::absolute(program).string()));
  CONCORDAT_CHECK(add_libraries(closure.files, listing));
  return closure;
}

}  // namespace concordat::lab
