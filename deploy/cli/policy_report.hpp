// What several `policy` commands print: findings, changes, their impact. The words for people are
// policy's own; here is where they meet --json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "policy/finding.hpp"
#include "policy/impact.hpp"

namespace concordat::cli {

[[nodiscard]] nlohmann::ordered_json to_json(const policy::Finding& finding);
[[nodiscard]] nlohmann::ordered_json to_json(const policy::Findings& findings);
// "policy.json:12:8: error: /roles/custodian: message [code]", as compilers write it.
[[nodiscard]] std::string to_text(const std::string& file, const policy::Finding& finding);

[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<policy::Change>& changes);
[[nodiscard]] std::string to_text(const std::vector<policy::Change>& changes);

[[nodiscard]] nlohmann::ordered_json to_json(const policy::Impact& impact);
[[nodiscard]] nlohmann::ordered_json to_json(const policy::Finality& finality);

}  // namespace concordat::cli
