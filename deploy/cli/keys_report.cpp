#include "deploy/cli/keys_report.hpp"

#include <nlohmann/json.hpp>

namespace concordat::cli {
namespace {

using keyservice::KeyOrigin;
using keyservice::KeySummary;
using keyservice::ShownKey;
using keyservice::ShownVersion;
using keyservice::VersionState;
using nlohmann::ordered_json;

std::string_view to_string(VersionState state) noexcept {
  switch (state) {
    case VersionState::enabled:
      return "enabled";
    case VersionState::disabled:
      return "disabled";
    case VersionState::destroyed:
      return "destroyed";
  }
  return "unknown";
}

std::string_view to_string(KeyOrigin origin) noexcept {
  switch (origin) {
    case KeyOrigin::derived:
      return "derived";
    case KeyOrigin::generated:
      return "generated";
    case KeyOrigin::imported:
      return "imported";
  }
  return "unknown";
}

// Empty: nothing was recorded of it.
std::string time_text(base::UnixMillis created) {
  return created.value == 0 ? std::string() : base::format_rfc3339(created);
}

ordered_json time_json(base::UnixMillis created) {
  return created.value == 0 ? ordered_json(nullptr) : ordered_json(time_text(created));
}

ordered_json to_json(const ShownVersion& shown) {
  const auto& version = shown.description;
  const bool is_derived = version.origin == KeyOrigin::derived;
  ordered_json out = {
      {"version", version.version},
      {"state", to_string(version.state)},
      {"origin", to_string(version.origin)},
      {"created", time_json(version.created)},
      {"root_generation", is_derived ? ordered_json(version.root_generation) : nullptr},
      {"public_key", nullptr}};
  if (shown.public_key) {
    out["public_key"] = {{"type", keyservice::to_string(shown.public_key->type)},
                         {"pem", shown.public_key->pem()}};
  }
  return out;
}

std::string to_text(const ShownVersion& shown, const KeySummary& key) {
  const auto& version = shown.description;
  std::string out = "version " + std::to_string(version.version) + ": " +
                    std::string(to_string(version.state)) + ", " +
                    std::string(to_string(version.origin));
  if (version.origin == KeyOrigin::derived) {
    out += " from root generation " + std::to_string(version.root_generation);
  }
  if (const std::string created = time_text(version.created); !created.empty()) {
    out += ", created " + created;
  }
  if (version.version < key.minimum_version) out += ", below the minimum: not read any more";
  return out + "\n" + (shown.public_key ? shown.public_key->pem() : std::string());
}

}  // namespace

ordered_json to_json(const ShownKey& shown) {
  const KeySummary& key = shown.summary;
  return {{"name", key.name},
          {"type", keyservice::to_string(key.type)},
          {"state", to_string(key.state)},
          {"exportable", key.exportable},
          {"newest_version", key.newest_version},
          {"minimum_version", key.minimum_version},
          {"created", time_json(key.created)},
          {"recorded", shown.is_recorded}};
}

std::string to_text(const ShownKey& shown) {
  const KeySummary& key = shown.summary;
  std::string out = key.name + ": " + std::string(keyservice::to_string(key.type)) + ", " +
                    std::string(to_string(key.state)) + ", version " +
                    std::to_string(key.newest_version);
  if (const std::string created = time_text(key.created); !created.empty()) out += " of " + created;
  if (key.minimum_version != 1) out += ", minimum " + std::to_string(key.minimum_version);
  if (key.exportable) out += ", exportable";
  if (!shown.is_recorded) out += "; no record: it stands for this derived key";
  return out + "\n";
}

ordered_json to_json(const ShownKey& key, const std::vector<ShownVersion>& versions) {
  ordered_json out = to_json(key);
  out["versions"] = ordered_json::array();
  for (const ShownVersion& version : versions)
    out["versions"].push_back(to_json(version));
  return out;
}

std::string to_text(const ShownKey& key, const std::vector<ShownVersion>& versions) {
  std::string out = to_text(key);
  for (const ShownVersion& version : versions)
    out += to_text(version, key.summary);
  return out;
}

}  // namespace concordat::cli
