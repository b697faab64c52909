#include "deploy/lab/remove_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "attest/base/descriptor.hpp"

namespace concordat::lab {
namespace {

// An image can hold paths of 1,024 bytes; deeper than that only hostility goes.
constexpr int kMaxDepth = 600;

// Opens a folder for listing and changing, whatever mode its owner gave it.
base::Descriptor open_folder(int parent, const char* name) {
  base::Descriptor place(::openat(parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (!place.open()) return {};
  const std::string self = "/proc/self/fd/" + std::to_string(place.get());
  ::chmod(self.c_str(), S_IRWXU);
  return base::Descriptor(::open(self.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::vector<std::string> names_in(const base::Descriptor& folder) {
  std::vector<std::string> names;
  DIR* stream = ::fdopendir(::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0));
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  return names;
}

bool remove_below(int parent, const char* name, int depth) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
  if (depth == kMaxDepth) return false;
  {
    const base::Descriptor folder = open_folder(parent, name);
    if (!folder.open()) return false;
    for (const std::string& inner : names_in(folder)) {
      if (!remove_below(folder.get(), inner.c_str(), depth + 1)) return false;
    }
  }
  return ::unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

}  // namespace

bool remove_tree(const std::filesystem::path& path) noexcept {
  return remove_below(AT_FDCWD, path.c_str(), 0);
}

}  // namespace concordat::lab
