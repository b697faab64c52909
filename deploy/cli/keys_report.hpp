// Keys for people and programs.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "keyservice/admin_keys.hpp"

namespace concordat::cli {

[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::ShownKey& key);
// One line.
[[nodiscard]] std::string to_text(const keyservice::ShownKey& key);

[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::ShownKey& key,
                                             const std::vector<keyservice::ShownVersion>& versions);
[[nodiscard]] std::string to_text(const keyservice::ShownKey& key,
                                  const std::vector<keyservice::ShownVersion>& versions);

}  // namespace concordat::cli
