#include "deploy/cli/status_report.hpp"

#include <nlohmann/json.hpp>

#include "policy/finding.hpp"

namespace concordat::cli {
namespace {

using keyservice::CustodianStatus;
using nlohmann::ordered_json;
using policy::quote;

std::string seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

// "3 d 4 h", "4 h 5 min", "5 min 6 s", "6 s".
std::string duration(std::chrono::milliseconds time) {
  const auto total =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  const std::uint64_t days = total / 86'400;
  const std::uint64_t hours = total / 3'600 % 24;
  const std::uint64_t minutes = total / 60 % 60;
  if (days > 0) return std::to_string(days) + " d " + std::to_string(hours) + " h";
  if (hours > 0) return std::to_string(hours) + " h " + std::to_string(minutes) + " min";
  if (minutes > 0) return std::to_string(minutes) + " min " + std::to_string(total % 60) + " s";
  return std::to_string(total) + " s";
}

// Names come from a policy, through an enclave: shown as any foreign text.
std::string listed(const std::map<std::string, std::uint64_t>& counts) {
  std::string out;
  for (const auto& [name, count] : counts)
    out += (out.empty() ? "" : ", ") + quote(name) + " " + std::to_string(count);
  return out.empty() ? "none" : out;
}

std::string line(std::string label, const std::string& value) {
  constexpr std::size_t kColumn = 12;
  label.resize(std::max(kColumn, label.size() + 1), ' ');
  return label + value + "\n";
}

std::string keyring_text(const CustodianStatus& s) {
  if (!s.keyring) return "none without a root";
  const auto& [is_loaded, keys, head] = *s.keyring;
  return (is_loaded ? "" : "NOT LOADED: it serves no key; ") + std::to_string(keys) +
         " keys, journal at position " + std::to_string(head.position) + ", head " +
         head.hash.hex();
}

std::string audit_log_text(const keyservice::AuditLogState& log) {
  std::string out =
      log.takes_entries
          ? ""
          : "TAKES NO ENTRY, and nothing that needs one is served: " + quote(log.why) + "; ";
  if (log.size == 0) return out + "not open yet";
  out += std::to_string(log.size) + " entries, the last of " + base::format_rfc3339(log.last);
  return log.waiting == 0 ? out : out + ", " + std::to_string(log.waiting) + " more wait";
}

}  // namespace

ordered_json to_json(const policy::AdmittedPeer& enclave, const CustodianStatus& s) {
  ordered_json pcrs = ordered_json::object();
  for (const auto& [index, value] : s.enclave.pcrs)
    pcrs["PCR" + std::to_string(index)] = value.hex();
  return {
      {"ok", true},
      {"attested",
       {{"role", enclave.role()},
        {"image", enclave.image()},
        {"module_id", enclave.module_id()},
        {"policy_serial", enclave.policy_serial()}}},
      {"version", s.enclave.version},
      {"module_id", s.enclave.module_id},
      {"role", s.role},
      {"policy", {{"serial", s.policy_serial}, {"digest", s.policy_digest.hex()}}},
      {"root", s.root ? ordered_json{{"generation", s.root->generation},
                                     {"commitment", s.root->commitment.hex()}}
                      : ordered_json(nullptr)},
      {"keyring", s.keyring ? ordered_json{{"loaded", s.keyring->is_loaded},
                                           {"keys", s.keyring->keys},
                                           {"journal_position", s.keyring->head.position},
                                           {"journal_head", s.keyring->head.hash.hex()}}
                            : ordered_json(nullptr)},
      {"serving",
       {{"serves", s.trouble.empty()},
        {"why_not", s.trouble.empty() ? ordered_json(nullptr) : ordered_json(s.trouble)}}},
      {"audit_log",
       {{"takes_entries", s.audit_log.takes_entries},
        {"why_not",
         s.audit_log.takes_entries ? ordered_json(nullptr) : ordered_json(s.audit_log.why)},
        {"entries", s.audit_log.size},
        {"last", s.audit_log.size == 0 ? ordered_json(nullptr)
                                       : ordered_json(base::format_rfc3339(s.audit_log.last))},
        {"waiting", s.audit_log.waiting}}},
      {"now", base::format_rfc3339(s.now)},
      {"uptime_ms", s.uptime.count()},
      {"clock_anchor_age_ms", s.anchor_age.count()},
      {"counts",
       {{"enclaves_admitted", s.counts.handshakes},
        {"operators_admitted", s.counts.operators},
        {"refused", s.counts.refused},
        {"served", s.counts.served},
        {"denied", s.counts.denied},
        {"administered", s.counts.administered}}},
      {"channels", {{"roles", s.channels}, {"operators", s.operator_channels}}},
      {"secret_memory",
       {{"slabs", s.memory.slabs},
        {"bytes_in_use", s.memory.bytes_in_use},
        {"unlocked_slabs", s.memory.unlocked_slabs}}},
      {"pcrs", std::move(pcrs)},
  };
}

std::string to_text(const policy::AdmittedPeer& enclave, const CustodianStatus& s) {
  std::string out =
      line("attested", "role " + enclave.role() + ", image " + enclave.image() + ", module " +
                           quote(enclave.module_id())) +
      line("version", quote(s.enclave.version)) +
      line("policy", "serial " + std::to_string(s.policy_serial) + ", " + s.policy_digest.hex()) +
      line("root", s.root ? "generation " + std::to_string(s.root->generation) + ", commitment " +
                                s.root->commitment.hex()
                          : "not unsealed: it serves no key") +
      line("keyring", keyring_text(s)) +
      line("serving", s.trouble.empty() ? "yes" : "NOBODY: " + quote(s.trouble)) +
      line("audit log", audit_log_text(s.audit_log)) + line("up", duration(s.uptime)) +
      line("clock", base::format_rfc3339(s.now) + ", anchored " + seconds(s.anchor_age) + " ago") +
      line("admitted", std::to_string(s.counts.handshakes) + " enclaves, " +
                           std::to_string(s.counts.operators) + " operators; refused " +
                           std::to_string(s.counts.refused)) +
      line("requests", std::to_string(s.counts.served) + " served, " +
                           std::to_string(s.counts.administered) + " of operators, " +
                           std::to_string(s.counts.denied) + " denied") +
      line("channels", listed(s.channels)) + line("operators", listed(s.operator_channels)) +
      line("memory", std::to_string(s.memory.bytes_in_use) + " secret bytes in " +
                         std::to_string(s.memory.slabs) + " slabs, " +
                         (s.memory.unlocked_slabs == 0
                              ? "all locked"
                              : std::to_string(s.memory.unlocked_slabs) + " NOT LOCKED"));
  for (const auto& [index, value] : s.enclave.pcrs)
    out += line("PCR" + std::to_string(index), value.hex());
  return out;
}

}  // namespace concordat::cli
