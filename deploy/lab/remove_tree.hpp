// Removes what an enclave has left, also where it closed its folders against its own user.
#pragma once

#include <filesystem>

namespace concordat::lab {

// False: something is still there. Never follows a symbolic link.
[[nodiscard]] bool remove_tree(const std::filesystem::path& path) noexcept;

}  // namespace concordat::lab
