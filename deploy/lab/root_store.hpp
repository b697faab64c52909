// The lab root's key and certificate on disk, readable by their owner alone.
#pragma once

#include <filesystem>

#include "deploy/lab/certificate.hpp"

namespace concordat::lab {

// Makes the directory (mode 0700) or checks that it is this user's and closed to others.
[[nodiscard]] base::Status prepare_private_directory(const std::filesystem::path& directory);

[[nodiscard]] base::Result<bool> has_root(const std::filesystem::path& directory);
[[nodiscard]] base::Result<Credential> load_root(const std::filesystem::path& directory);
[[nodiscard]] base::Status save_root(const std::filesystem::path& directory,
                                     const Credential& root);

}  // namespace concordat::lab
