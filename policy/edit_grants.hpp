// Giving keys to a role, and taking them away.
#pragma once

#include "policy/edit.hpp"

namespace concordat::policy {

struct NewGrant {
  std::string keys;                     // pattern
  std::vector<std::string> operations;  // "get", "sign"
  std::optional<std::uint64_t> use_limit = {};
  std::optional<base::UnixMillis> expires = {};
};
// Operations are added to a grant of the same keys and expiry, where neither is counted: a limit is
// for the operations that it was given with. already_granted when there is nothing to add.
[[nodiscard]] base::Result<std::string> grant(std::string_view text, const std::string& role,
                                              const NewGrant& grant);

// Takes the operations (none named: all) out of every grant of the role on exactly this pattern,
// and a grant away that has none left. nothing_matches when an operation is in none of them. Other
// patterns stay, whatever they match.
[[nodiscard]] base::Result<std::string> ungrant(std::string_view text, const std::string& role,
                                                const std::string& keys,
                                                const std::vector<std::string>& operations);

}  // namespace concordat::policy
