// A policy file as a tree that keeps the author's order: what every edit begins and ends with.
// Internal to the editing functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "policy/edit_grants.hpp"

namespace concordat::policy {

using Json = nlohmann::ordered_json;

// Once it is known to be a policy.
[[nodiscard]] base::Result<Json> open_file(std::string_view text);
// In the canonical layout; whatever parse_policy refuses is not written.
[[nodiscard]] base::Result<std::string> written(const Json& file);
// The same with the serial raised by one.
[[nodiscard]] base::Result<std::string> close_file(Json file);

void add_once(Json& list, const std::string& text);
// As `grant` does; true unless there was nothing to add.
bool add_grant(Json& file, const std::string& role, const NewGrant& grant);

}  // namespace concordat::policy
