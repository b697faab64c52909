// An exported log in a folder.
#pragma once

#include <filesystem>

#include "keyservice/audit/source.hpp"

namespace concordat::keyservice::audit {

class Folder final : public Source {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

  // Names that lead out of the folder are not there.
  [[nodiscard]] base::Result<std::optional<base::Bytes>> read(const std::string& name,
                                                              std::size_t max) override;
  [[nodiscard]] base::Result<std::vector<std::string>> names() override;

 private:
  std::filesystem::path path_;
};

}  // namespace concordat::keyservice::audit
