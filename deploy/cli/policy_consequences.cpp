#include "deploy/cli/policy_consequences.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/policy_report.hpp"
#include "policy/impact_text.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {

void add_released(Command command, std::vector<std::string>& paths) {
  command
      .add_option("--released", paths,
                  "A custodian's report (GET /v1/reports/custodian of a parent's operator socket): "
                  "names the versions to rotate; may be repeated")
      .type_name("FILE")
      .one_value_each();
}

void add_consequence_options(Command command, ConsequenceOptions& options) {
  command
      .add_option("--in-force", options.in_force,
                  "A policy that enclaves may still have, signed or not, if it is another than the "
                  "file says; may be repeated")
      .type_name("FILE")
      .one_value_each();
  add_released(command, options.released);
}

base::Result<policy::ReleasedKeys> read_released(const std::vector<std::string>& paths) {
  policy::ReleasedKeys out;
  for (const std::string& path : paths) {
    CONCORDAT_TRY(const base::Bytes content, base::read_file(path, policy::limits::kReportBytes));
    auto released = policy::read_released_keys(base::as_text(content));
    if (!released) {
      return base::Error(released.error().code(), path + ": " + released.error().detail());
    }
    std::ranges::move(released->keys, std::back_inserter(out.keys));
    out.is_complete = out.is_complete && released->is_complete;
  }
  return out;
}

base::Result<ConsequenceFiles> read_files(const ConsequenceOptions& options) {
  ConsequenceFiles out;
  for (const std::string& path : options.in_force) {
    CONCORDAT_TRY(policy::PolicyFile file, read_any_policy(path));
    out.in_force.push_back(std::move(file.model));
  }
  CONCORDAT_TRY(out.released, read_released(options.released));
  return out;
}

Consequences consequences_of(const Edited& edited, const ConsequenceFiles& files) {
  const policy::Model& before = edited.before.model;
  const policy::Model& after = edited.after.model;
  Consequences out;
  out.changes = policy::diff(before, after);
  out.impact = policy::impact(before, after, base::system_wall_clock(), files.released);
  out.finality.push_back(policy::finality(before));
  for (const policy::Model& model : files.in_force)
    out.finality.push_back(policy::finality(model));
  return out;
}

nlohmann::ordered_json to_json(const Consequences& consequences) {
  nlohmann::ordered_json finality = nlohmann::ordered_json::array();
  for (const policy::Finality& entry : consequences.finality)
    finality.push_back(to_json(entry));
  nlohmann::ordered_json out = {{"changes", to_json(consequences.changes)}};
  out.update(to_json(consequences.impact));
  out["final"] = std::move(finality);
  return out;
}

std::string to_text(const Consequences& consequences) {
  std::string out = to_text(consequences.changes) + policy::rotation_text(consequences.impact);
  for (const policy::Finality& entry : consequences.finality)
    out += policy::to_text(entry, base::system_wall_clock());
  return out;
}

}  // namespace concordat::cli
