// Names of keys and the patterns by which grants name them. A key name is 1 to 128 characters:
// segments of [A-Za-z0-9._-] joined by single '/', no segment being "." or "..". A pattern is a
// key name, or a key name whose last segment is "*", which stands for one or more segments.
#pragma once

#include <string_view>

#include "attest/base/result.hpp"

namespace concordat::policy {

// bad_key_name with the reason otherwise.
[[nodiscard]] base::Status check_key_name(std::string_view name);
[[nodiscard]] base::Status check_key_pattern(std::string_view pattern);
// Both must have passed their check. A pattern in place of the name: whether the first one matches
// all that the second does.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view key_name) noexcept;

}  // namespace concordat::policy
