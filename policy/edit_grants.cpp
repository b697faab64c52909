#include "policy/edit_grants.hpp"

#include <algorithm>

#include "policy/edit_file.hpp"
#include "policy/finding.hpp"

namespace concordat::policy {
namespace {

Json use_limit_entry(const NewGrant& grant) {
  return grant.use_limit ? Json(*grant.use_limit) : Json("none");
}

Json expires_entry(const NewGrant& grant) {
  return grant.expires ? Json(base::format_rfc3339(*grant.expires)) : Json("never");
}

// An uncounted grant of the role that differs from the new one in operations only.
Json* find_mergeable(Json& grants, const std::string& role, const NewGrant& grant) {
  const auto found = std::ranges::find_if(grants, [&](const Json& entry) {
    return entry["role"] == role && entry["keys"] == grant.keys && entry["use_limit"] == "none" &&
           !grant.use_limit && entry["expires"] == expires_entry(grant);
  });
  return found == grants.end() ? nullptr : &*found;
}

std::string spelled(const std::string& role, const std::string& keys) {
  return "role " + quote(role) + " on " + quote(keys);
}

// True when it was there.
bool take_out(Json& operations, const std::string& operation) {
  const auto found = std::ranges::find(operations, Json(operation));
  if (found == operations.end()) return false;
  operations.erase(found);
  return true;
}

}  // namespace

bool add_grant(Json& file, const std::string& role, const NewGrant& grant) {
  Json& grants = file["grants"];
  Json* const same = find_mergeable(grants, role, grant);
  if (same == nullptr) {
    grants.push_back({{"role", role},
                      {"keys", grant.keys},
                      {"operations", grant.operations},
                      {"use_limit", use_limit_entry(grant)},
                      {"expires", expires_entry(grant)}});
    return true;
  }
  Json& operations = (*same)["operations"];
  const std::size_t before = operations.size();
  for (const std::string& operation : grant.operations)
    add_once(operations, operation);
  return operations.size() != before;
}

base::Result<std::string> grant(std::string_view text, const std::string& role,
                                const NewGrant& grant) {
  CONCORDAT_TRY(Json file, open_file(text));
  if (!add_grant(file, role, grant)) {
    return base::Error(EditErrc::already_granted, spelled(role, grant.keys));
  }
  return close_file(std::move(file));
}

base::Result<std::string> ungrant(std::string_view text, const std::string& role,
                                  const std::string& keys,
                                  const std::vector<std::string>& operations) {
  CONCORDAT_TRY(Json file, open_file(text));
  Json kept = Json::array();
  std::vector<std::string> missing = operations;
  bool found = false;
  for (Json& entry : file["grants"]) {
    if (entry["role"] == role && entry["keys"] == keys) {
      found = true;
      if (operations.empty()) continue;
      bool changed = false;
      for (const std::string& operation : operations) {
        if (!take_out(entry["operations"], operation)) continue;
        std::erase(missing, operation);
        changed = true;
      }
      if (changed && entry["operations"].empty()) continue;
    }
    kept.push_back(std::move(entry));
  }
  if (!found) {
    return base::Error(EditErrc::nothing_matches, spelled(role, keys) + ": no such grant");
  }
  if (!missing.empty()) {
    return base::Error(EditErrc::nothing_matches,
                       spelled(role, keys) + ": no grant to " + quote(missing.front()));
  }
  file["grants"] = std::move(kept);
  return close_file(std::move(file));
}

}  // namespace concordat::policy
