#include "policy/describe.hpp"

#include "policy/finding.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {
namespace {

using Names = std::vector<std::string>;

std::string shortened(const std::string& hex) {
  constexpr std::size_t kShown = 16;
  return hex.size() > kShown ? hex.substr(0, kShown) + ".." : hex;
}

std::string pins_text(const std::optional<std::vector<Pin>>& pins, const char* what) {
  if (!pins) return std::string("any ") + what;
  Names texts;
  for (const Pin& pin : *pins)
    texts.push_back(pin.text);
  return joined(texts, "none: nobody can hold this role");
}

RoleSummary summary(const Model& model, const std::string& name, const Role& role) {
  RoleSummary out;
  out.name = name;
  out.role = &role;
  for (const std::uint32_t index : role.images)
    out.images.push_back(model.images[index].name);
  for (const auto& [purpose, sides] : model.purposes) {
    if (contains(sides.initiator, name)) out.asks.push_back(purpose);
    if (contains(sides.responder, name)) out.answers.push_back(purpose);
  }
  out.is_custodian = contains(out.answers, kKeysPurpose);
  if (!contains(out.asks, kKeysPurpose)) return out;
  for (const Grant& grant : model.grants) {
    if (grant.role == name) out.grants.push_back(&grant);
  }
  return out;
}

Conversation conversation(const Model& model, const std::string& name, const Purpose& purpose) {
  Conversation out{name, purpose.initiator, {}, purpose.responder};
  for (const auto& [who, entry] : model.operators) {
    if (contains(entry.purposes, name)) out.operators.push_back(who);
  }
  return out;
}

std::string grant_text(const Grant& grant) {
  std::string out = joined(grant.operations, "nothing") + " on " + grant.keys;
  if (grant.use_limit) out += ", at most " + std::to_string(*grant.use_limit) + " uses";
  if (grant.expires) out += ", until " + base::format_rfc3339(*grant.expires);
  return out;
}

std::string role_text(const RoleSummary& r) {
  std::string out = "  " + r.name + (r.is_custodian ? " (custodian)" : "") + "\n    images     " +
                    joined(r.images, "none: nobody can hold this role") + "\n    accounts   " +
                    pins_text(r.role->accounts, "account") + "\n    instances  " +
                    pins_text(r.role->instances, "instance") + "\n";
  if (r.role->maximum_live) {
    out += "    live       at most " + std::to_string(*r.role->maximum_live) + " enclaves\n";
  }
  for (const Grant* const grant : r.grants)
    out += "    keys       " + grant_text(*grant) + "\n";
  return out;
}

std::string conversations_text(const std::vector<Conversation>& conversations) {
  std::string out;
  for (const Conversation& c : conversations) {
    Names askers = c.ask;
    for (const std::string& name : c.operators)
      askers.push_back("operator " + name);
    out += "  " + c.purpose + ": " + joined(askers, "nobody") + " to " +
           joined(c.answer, "nobody") + "\n";
  }
  return out.empty() ? "  nobody to anybody\n" : out;
}

std::string root_text(const Model& model) {
  std::string out = "  sealed by  " + model.kms_key_arn.value_or("no KMS key") + "\n";
  if (model.root_generations.empty()) {
    out += "  none pinned: a custodian makes one (genesis) and serves nobody\n";
  }
  for (const RootGeneration& root : model.root_generations) {
    out += "  generation " + std::to_string(root.generation) +
           (root.current ? ", current" : ", read only") + ", commitment " +
           shortened(base::to_hex(root.commitment)) +
           (root.kms_key_arn ? ", sealed by " + *root.kms_key_arn : "") + "\n";
  }
  if (!model.recovery) return out + "  recovery   none\n";
  Names holders;
  for (const auto& [name, key] : model.recovery->holders)
    holders.push_back(name);
  return out + "  recovery   any " + std::to_string(model.recovery->threshold) + " of " +
         joined(holders, "nobody") + "\n";
}

std::string rotation_text(const Model& model) {
  if (model.rotation.empty()) return "  none: keys get new versions by command only\n";
  std::string out;
  for (const auto& [keys, rotation] : model.rotation)
    out += "  " + keys + " every " + std::to_string(rotation.every_seconds) + " s\n";
  return out;
}

std::string limits_text(const Model& model) {
  const ChannelLife& life = model.channel_life;
  return "  documents at most " + std::to_string(model.document_max_age_seconds) +
         " s old; protocol version at least " + std::to_string(model.minimum_protocol_version) +
         "\n  a channel lives for " + std::to_string(life.seconds) + " s, " +
         std::to_string(life.bytes) + " bytes or " + std::to_string(life.records) +
         " records, whatever ends first\n" +
         (model.audited_uses == AuditedUses::all
              ? ""
              : "  audited uses are all but verify, public and random, which have no entry "
                "in the audit log\n");
}

std::string head_text(const Model& model, base::UnixMillis now) {
  std::string out =
      "policy of realm " + quote(model.realm) + ", serial " + std::to_string(model.serial) +
      "\n  valid      " + base::format_rfc3339(model.valid_from) + " to " +
      base::format_rfc3339(model.valid_until) + ": " + std::string(state_at(model, now)) +
      "\n  authority  " + model.authority.hex() + "\n";
  if (!model.freshness) {
    return out + "  freshness  none: a revocation that is withheld is final at the end only\n";
  }
  return out + "  freshness  a statement of key " + model.freshness->key.hex() +
         " is wanted every " + std::to_string(model.freshness->max_age_seconds) + " s\n";
}

}  // namespace

std::string_view state_at(const Model& model, base::UnixMillis now) noexcept {
  if (now < model.valid_from) return "not yet";
  return now < model.valid_until ? "in force" : "expired";
}

Description describe(const Model& model) {
  Description out{&model, {}, {}};
  for (const auto& [name, purpose] : model.purposes)
    out.conversations.push_back(conversation(model, name, purpose));
  for (const auto& [name, role] : model.roles)
    out.roles.push_back(summary(model, name, role));
  return out;
}

std::string to_text(const Description& description, base::UnixMillis now) {
  const Model& model = *description.model;
  std::string out = head_text(model, now) + "\nwho may talk to whom, for what\n" +
                    conversations_text(description.conversations) + "\nroles\n";
  for (const RoleSummary& role : description.roles)
    out += role_text(role);
  if (description.roles.empty()) out += "  none: nobody is admitted\n";
  out += "\nrotation\n" + rotation_text(model) + "\nroot\n" + root_text(model) + "\nlimits\n" +
         limits_text(model);
  if (!model.operators.empty()) out += "\noperators\n";
  for (const auto& [name, entry] : model.operators) {
    out += "  " + name + ", key " + entry.key.hex() + ": " +
           joined(entry.purposes, "admitted to nothing") + "\n";
  }
  if (!model.sessions.empty()) out += "\nsessions with other realms\n" + sessions_text(model);
  return out;
}

}  // namespace concordat::policy
