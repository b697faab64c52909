#include "policy/impact_text.hpp"

#include "policy/finding.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {
namespace {

const char* words(LossCause cause) {
  switch (cause) {
    case LossCause::image:
      return "no longer admitted";
    case LossCause::place:
      return "no longer admitted from all accounts and instances";
    case LossCause::grant:
      return "no longer granted";
    case LossCause::expired:
      return "the grant has expired";
  }
  return "unknown";
}

std::string to_text(const Rotation& r) {
  std::string out = "  " + r.keys + ": role " + r.role + ", image" +
                    (r.images.size() == 1 ? " " : "s ") + joined(r.images) + ": " + words(r.cause);
  if (!r.except.empty()) out += ", except " + joined(r.except);
  return out + "\n";
}

// Names in a record are a parent's word.
std::string to_text(const Exposure& exposure) {
  const ReleasedKey& r = exposure.released;
  return "  " + r.key + " version " + std::to_string(r.version) + ": role " + quote(r.role) +
         ", image " + quote(r.image) + ", enclave " + quote(r.module_id) + ", last " +
         std::string(to_string(r.operation)) + " at " + base::format_rfc3339(r.last) + ": " +
         words(exposure.cause) + "\n";
}

std::string to_text(const Unreleased& u) {
  return "  " + u.keys + ": role " + u.role + " (" + joined(u.operations) + ")\n";
}

}  // namespace

std::string rotation_text(const Impact& impact) {
  std::string out;
  if (!impact.custodians.empty()) {
    out +=
        "custodians that are admitted no more know the root, on which all keys hang; only a new "
        "root generation\nends that:\n";
    for (const RootExposure& c : impact.custodians)
      out += "  role " + c.role + ", image " + c.image + ": " + words(c.cause) + "\n";
    out += "  KMS unseals for them until its key policy is set again (`kms-key-policy`)\n";
  }
  if (!impact.holders.empty()) {
    out += "shares stay good with whom they are, until a new root generation:\n";
    for (const std::string& holder : impact.holders)
      out += "  recovery holder " + holder + "\n";
  }
  if (!impact.rotations.empty()) {
    out += "to rotate, because these could receive them and can no more:\n";
    for (const Rotation& rotation : impact.rotations)
      out += to_text(rotation);
  }
  if (!impact.exposures.empty()) {
    out += "on record to have been received, and to rotate before all:\n";
    for (const Exposure& exposure : impact.exposures)
      out += to_text(exposure);
    out +=
        "  (as parents passed it on: what the patterns match may have been received all the "
        "same)\n";
  }
  if (!impact.unreleased.empty()) {
    out += "never released, nothing to rotate (the custodian did these itself):\n";
    for (const Unreleased& unreleased : impact.unreleased)
      out += to_text(unreleased);
  }
  if (out.empty()) out = "nothing to rotate\n";
  if (impact.is_record_cut) {
    out +=
        "a report is cut: its custodian released more than it lists, longer ago; go by the "
        "patterns\n";
  }
  return out;
}

std::string to_text(const Finality& finality, base::UnixMillis now) {
  const std::string serial = "serial " + std::to_string(finality.serial);
  if (now >= finality.ends) {
    return "final: at once, for " + serial + " ended at " + base::format_rfc3339(finality.ends) +
           "\n";
  }
  const std::string ends = base::format_rfc3339(finality.ends);
  if (!finality.freshness_seconds) {
    return "final: at " + ends + ", when " + serial +
           " ends; until then a parent that withholds the new policy keeps it alive\n";
  }
  return "final: " + std::to_string(*finality.freshness_seconds) +
         " s after the time of the last freshness statement for " + serial + ", and at " + ends +
         " at the latest; let the freshness key\nsign for the new policy alone as soon as it is "
         "signed\n";
}

}  // namespace concordat::policy
