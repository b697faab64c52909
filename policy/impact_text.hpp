// An Impact in words, a line each, for people.
#pragma once

#include "policy/impact.hpp"

namespace concordat::policy {

// What is to be rotated and why; says so where it is nothing.
[[nodiscard]] std::string rotation_text(const Impact& impact);
[[nodiscard]] std::string to_text(const Finality& finality, base::UnixMillis now);

}  // namespace concordat::policy
