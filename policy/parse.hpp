// Policy file -> Model, with every mistake found. The format is described in policy/README.md.
#pragma once

#include <optional>

#include "policy/finding.hpp"
#include "policy/model.hpp"

namespace concordat::policy {

inline constexpr std::string_view kPolicyFormat = "concordat/policy/1";

struct ParsedPolicy {
  std::optional<Model> model;  // nullopt when any finding is an error
  Findings findings;           // errors only: see check.hpp for the warnings
};

// Names resolve, pins identify, counts are bounded; time and signatures are the caller's.
[[nodiscard]] ParsedPolicy parse_policy(std::string_view text);

// The same for programs: the first error, its detail naming line, column and JSON Pointer.
[[nodiscard]] base::Result<Model> load_policy(std::string_view text);

}  // namespace concordat::policy
