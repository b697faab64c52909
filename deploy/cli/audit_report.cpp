#include "deploy/cli/audit_report.hpp"

#include <nlohmann/json.hpp>
#include <set>

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;
using nlohmann::ordered_json;

ordered_json to_json(const audit::BootReport& boot) {
  return {{"index", boot.index},
          {"time", base::format_rfc3339(boot.time)},
          {"boot", boot.boot.hex()},
          {"role", boot.role},
          {"image", boot.image},
          {"module_id", boot.module_id},
          {"policy_serial", boot.policy_serial},
          {"authority", boot.authority},
          {"boot_key", boot.boot_key},
          {"log_key", boot.log_key}};
}

std::string line(std::string_view name, const std::string& value) {
  std::string out(name);
  out.resize(std::max<std::size_t>(out.size() + 1, 12), ' ');
  return out + value + "\n";
}

std::string count(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string boots_text(const audit::Report& report, bool is_any_authority) {
  std::string out;
  std::set<std::string> authorities;
  std::set<std::string> log_keys;
  for (const audit::BootReport& boot : report.boots) {
    out += line("boot", "entry " + std::to_string(boot.index) + ", " +
                            base::format_rfc3339(boot.time) + ", " + boot.role + " (" + boot.image +
                            ") " + boot.module_id + ", policy serial " +
                            std::to_string(boot.policy_serial));
    authorities.insert(boot.authority);
    log_keys.insert(boot.log_key);
  }
  for (const std::string& key : log_keys)
    out += line("log key", key);
  for (const std::string& authority : authorities) {
    out += line("authority", authority);
    if (is_any_authority) out += line("", "named by the log itself: require yours (--authority)");
  }
  return out;
}

}  // namespace

ordered_json to_json(const audit::Finding& finding) {
  return {{"code", describe(finding.fault).name},
          {"where", finding.where},
          {"message", describe(finding.fault).message},
          {"detail", finding.detail}};
}

ordered_json to_json(const audit::Report& report) {
  ordered_json out = {{"ok", report.is_good()}};
  if (report.checkpoint) {
    out["origin"] = report.checkpoint->origin;
    out["size"] = report.checkpoint->size;
    out["root"] = base::to_base64(report.checkpoint->root.view());
  }
  out["entries"] = report.entries;
  out["evidence"] = report.evidence;
  out["boots"] = ordered_json::array();
  for (const audit::BootReport& boot : report.boots)
    out["boots"].push_back(to_json(boot));
  out["witnesses"] = ordered_json::array();
  for (const audit::WitnessReport& witness : report.witnesses) {
    out["witnesses"].push_back(
        {{"name", witness.name}, {"time", base::format_rfc3339(witness.time)}});
  }
  out["unknown_signatures"] = report.unknown_signatures;
  out["findings"] = ordered_json::array();
  for (const audit::Finding& finding : report.findings)
    out["findings"].push_back(to_json(finding));
  return out;
}

std::string to_text(const audit::Report& report, bool is_any_authority) {
  std::string out;
  if (report.checkpoint) {
    out += line("log", report.checkpoint->origin);
    out += line("entries", std::to_string(report.checkpoint->size));
    out += line("root", base::to_base64(report.checkpoint->root.view()));
    out += line("evidence", count(report.evidence, "file"));
  }
  out += boots_text(report, is_any_authority);
  for (const audit::WitnessReport& witness : report.witnesses)
    out += line("witness", witness.name + ", " + base::format_rfc3339(witness.time));
  for (const std::string& name : report.unknown_signatures)
    out += line("not judged", "signature of " + name + ", whom --witness does not name");
  for (const audit::Finding& finding : report.findings) {
    out += std::string(describe(finding.fault).name) + "  " + finding.to_string() + "\n";
  }
  return out + (report.is_good() ? "good\n"
                                 : "refused: " + count(report.findings.size(), "finding") + "\n");
}

ordered_json to_json(std::uint64_t index, const audit::Entry& entry) {
  const audit::Event& event = entry.event;
  ordered_json out = {{"index", index},
                      {"time", base::format_rfc3339(entry.time)},
                      {"boot", entry.boot.hex()},
                      {"sequence", entry.sequence},
                      {"kind", to_string(event.kind)}};
  if (event.subject) {
    out["subject"] = {{"type", to_string(event.subject->type)},
                      {"name", event.subject->name},
                      {"image", event.subject->image},
                      {"id", event.subject->id}};
  }
  if (!event.purpose.empty()) out["purpose"] = event.purpose;
  if (event.key) out["key"] = {{"name", event.key->name}, {"version", event.key->version}};
  if (!event.operation.empty()) out["operation"] = event.operation;
  out["outcome"] = event.outcome;
  if (!event.detail.empty()) out["detail"] = event.detail;
  out["evidence"] = ordered_json::array();
  for (const audit::EvidenceRef& ref : event.evidence)
    out["evidence"].push_back({{"type", to_string(ref.type)}, {"sha256", ref.hash.hex()}});
  return out;
}

std::string to_text(std::uint64_t index, const audit::Entry& entry) {
  const audit::Event& event = entry.event;
  std::string out = std::to_string(index) + "  " + base::format_rfc3339(entry.time) + "  " +
                    std::string(to_string(event.kind));
  if (event.subject) {
    out += "  " + std::string(to_string(event.subject->type)) + " " + event.subject->name;
    if (!event.subject->image.empty()) out += " (" + event.subject->image + ")";
    if (!event.subject->id.empty()) out += " " + event.subject->id;
  }
  if (!event.operation.empty()) out += "  " + event.operation;
  if (event.key) {
    out += "  " + event.key->name;
    if (event.key->version != 0) out += " version " + std::to_string(event.key->version);
  }
  out += "  " + event.outcome;
  if (!event.detail.empty()) out += ": " + event.detail;
  return out + "\n";
}

}  // namespace concordat::cli
