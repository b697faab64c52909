// What a check of an audit log found, and single entries, as text and JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "keyservice/audit/verify.hpp"

namespace concordat::cli {

[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::audit::Report& report);
// `is_any_authority`: none was required.
[[nodiscard]] std::string to_text(const keyservice::audit::Report& report, bool is_any_authority);
[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::audit::Finding& finding);

[[nodiscard]] nlohmann::ordered_json to_json(std::uint64_t index,
                                             const keyservice::audit::Entry& entry);
// One line.
[[nodiscard]] std::string to_text(std::uint64_t index, const keyservice::audit::Entry& entry);

}  // namespace concordat::cli
