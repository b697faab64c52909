#include "deploy/cli/policy_report.hpp"

#include <nlohmann/json.hpp>

namespace concordat::cli {
namespace {

using nlohmann::ordered_json;
using policy::Change;
using policy::Finding;

const char* name(policy::Severity severity) {
  return severity == policy::Severity::error ? "error" : "warning";
}

template <class List, class Each>
ordered_json list_of(const List& list, Each each) {
  ordered_json out = ordered_json::array();
  for (const auto& entry : list)
    out.push_back(each(entry));
  return out;
}

// What a kind of change does not use is left out.
ordered_json to_json(const Change& change) {
  ordered_json out = {{"kind", to_string(change.kind)},
                      {"effect", to_string(change.effect)},
                      {"subject", change.subject}};
  if (!change.object.empty()) out["object"] = change.object;
  if (!change.items.empty()) out["items"] = change.items;
  if (!change.before.empty()) out["before"] = change.before;
  if (!change.after.empty()) out["after"] = change.after;
  out["text"] = policy::to_text(change);
  return out;
}

ordered_json to_json(const policy::Rotation& rotation) {
  return {{"keys", rotation.keys},
          {"role", rotation.role},
          {"images", rotation.images},
          {"cause", to_string(rotation.cause)},
          {"except", rotation.except}};
}

ordered_json to_json(const policy::Exposure& exposure) {
  const policy::ReleasedKey& released = exposure.released;
  return {{"key", released.key},
          {"version", released.version},
          {"role", released.role},
          {"image", released.image},
          {"module_id", released.module_id},
          {"operation", to_string(released.operation)},
          {"last", base::format_rfc3339(released.last)},
          {"cause", to_string(exposure.cause)}};
}

ordered_json to_json(const policy::Unreleased& unreleased) {
  return {{"keys", unreleased.keys},
          {"role", unreleased.role},
          {"operations",
           list_of(unreleased.operations, [](policy::Operation o) { return to_string(o); })}};
}

ordered_json to_json(const policy::RootExposure& custodian) {
  return {
      {"role", custodian.role}, {"image", custodian.image}, {"cause", to_string(custodian.cause)}};
}

}  // namespace

ordered_json to_json(const Finding& finding) {
  return {{"severity", name(finding.severity)}, {"code", describe(finding.code).name},
          {"pointer", finding.pointer},         {"line", finding.line},
          {"column", finding.column},           {"message", finding.message}};
}

ordered_json to_json(const policy::Findings& findings) {
  return list_of(findings, [](const Finding& f) { return to_json(f); });
}

std::string to_text(const std::string& file, const Finding& finding) {
  return file + ":" + std::to_string(finding.line) + ":" + std::to_string(finding.column) + ": " +
         name(finding.severity) + ": " +
         (finding.pointer.empty() ? "" : finding.shown_pointer() + ": ") + finding.message + " [" +
         std::string(describe(finding.code).name) + "]\n";
}

ordered_json to_json(const std::vector<Change>& changes) {
  return list_of(changes, [](const Change& c) { return to_json(c); });
}

std::string to_text(const std::vector<Change>& changes) {
  std::string out;
  for (const Change& change : changes)
    out += policy::to_text(change) + "\n";
  return out;
}

ordered_json to_json(const policy::Impact& impact) {
  const auto each = [](const auto& entry) { return to_json(entry); };
  return {{"lost", to_json(impact.lost)},
          {"root_known_to", list_of(impact.custodians, each)},
          {"shares_kept_by", impact.holders},
          {"rotate", list_of(impact.rotations, each)},
          {"received", list_of(impact.exposures, each)},
          {"received_complete", !impact.is_record_cut},
          {"never_released", list_of(impact.unreleased, each)}};
}

ordered_json to_json(const policy::Finality& finality) {
  return {
      {"serial", finality.serial},
      {"ends", base::format_rfc3339(finality.ends)},
      {"freshness_seconds", finality.freshness_seconds ? ordered_json(*finality.freshness_seconds)
                                                       : ordered_json(nullptr)}};
}

}  // namespace concordat::cli
