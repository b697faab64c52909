// Lists of words: is one in it, and how people read it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/model.hpp"

namespace concordat::policy {

[[nodiscard]] bool contains(const std::vector<std::string>& texts, std::string_view text);
// "a, b, c", or `empty`.
[[nodiscard]] std::string joined(const std::vector<std::string>& texts,
                                 std::string_view empty = "none");
[[nodiscard]] std::string joined(const std::vector<Operation>& operations,
                                 std::string_view empty = "none");

}  // namespace concordat::policy
