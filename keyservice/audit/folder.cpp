#include "keyservice/audit/folder.hpp"

#include "attest/base/file.hpp"

namespace concordat::keyservice::audit {

namespace fs = std::filesystem;

base::Result<std::optional<base::Bytes>> Folder::read(const std::string& name, std::size_t max) {
  if (name.find("..") != std::string::npos || name.starts_with('/')) {
    return std::optional<base::Bytes>();
  }
  const fs::path path = path_ / name;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return std::optional<base::Bytes>();
  CONCORDAT_TRY(base::Bytes content, base::read_file(path, max));
  return std::optional<base::Bytes>(std::move(content));
}

base::Result<std::vector<std::string>> Folder::names() {
  std::vector<std::string> out;
  std::error_code error;
  fs::recursive_directory_iterator each(path_, error);
  for (; !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
    std::error_code of_entry;
    if (!each->is_directory(of_entry)) out.push_back(fs::relative(each->path(), path_, of_entry));
  }
  if (error)
    return base::Error(base::FileErrc::cannot_read, path_.string() + ": " + error.message());
  return out;
}

}  // namespace concordat::keyservice::audit
