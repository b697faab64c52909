#include "policy/cross_check.hpp"
#include "policy/key_pattern.hpp"
#include "policy/limits.hpp"
#include "policy/names.hpp"
#include "policy/parse_sections.hpp"

namespace concordat::policy {
namespace {

using json::Fields;
using json::Member;
using json::Path;
using json::Report;
using json::Value;

SessionRealm read_realm(const Member& member, const Path& path, Report& report, const Model& model,
                        CrossCheck& names) {
  if (const auto realm = attest::check_realm(member.key); !realm) {
    report.error(PolicyErrc::bad_value, path, realm.error().detail());
  } else if (member.key == model.realm) {
    report.error(PolicyErrc::bad_value, path,
                 "this policy's own realm: own_roles and /roles say who takes part of it");
  }
  const Fields fields(member.value, path, report, {"authority", "roles"});
  SessionRealm out;
  const auto authority = json::read_hex_field<attest::AuthorityDigest>(fields, "authority", report);
  if (authority) out.authority = *authority;
  if (const Value* const roles = fields.get("roles")) {
    json::read_members(
        *roles, fields.path("roles"), report, limits::kRoles,
        [&](const Member& role, const Path& item) {
          read_name(role.key, item, report);
          const Fields evidence(role.value, item, report, {"images", "accounts", "instances"});
          out.roles.emplace(role.key, read_evidence(evidence, report, names));
        });
  }
  return out;
}

SessionRule read_rule(const Value& value, const Path& path, Report& report, const Model& model,
                      CrossCheck& names) {
  const Fields fields(value, path, report,
                      {"id", "protocol", "own_roles", "runs_per_input", "realms"});
  SessionRule out;
  out.id = fields.text("id", limits::kSessionIdLength + 2);
  if (!out.id.empty()) {
    if (const auto checked = check_key_pattern(out.id); !checked)
      fields.error(PolicyErrc::bad_value, "id", checked.error().detail());
  }
  out.protocol = fields.text("protocol", limits::kProtocolLength);
  if (!out.protocol.empty() && !is_protocol_name(out.protocol)) {
    fields.error(PolicyErrc::bad_value, "protocol",
                 quote(out.protocol) + " is no protocol and version such as \"aggregate/1\"");
  }
  if (const Value* const roles = fields.get("own_roles")) {
    json::read_texts(*roles, fields.path("own_roles"), report, limits::kRoles, limits::kNameLength,
                     [&](std::string_view role, const Path& item) {
                       if (names.role(role, item)) out.own_roles.emplace_back(role);
                     });
  }
  out.runs_per_input = read_limit(fields, "runs_per_input", kAny);
  if (const Value* const realms = fields.get("realms")) {
    json::read_members(*realms, fields.path("realms"), report, limits::kSessionRealms,
                       [&](const Member& realm, const Path& item) {
                         out.realms.emplace(realm.key,
                                            read_realm(realm, item, report, model, names));
                       });
  }
  return out;
}

// Which of two counts would be a matter of chance.
void refuse_overlaps(const Path& path, Report& report, const SessionRules& rules) {
  for (auto second = rules.begin(); second != rules.end(); ++second) {
    for (auto first = rules.begin(); first != second; ++first) {
      const std::string &a = first->second.id, &b = second->second.id;
      if (first->second.protocol != second->second.protocol) continue;
      if (!matches(a, b) && !matches(b, a)) continue;
      report.error(PolicyErrc::bad_value, Path(Path(path, second->first), "id"),
                   quote(b) + " and " + quote(a) + " of " + quote(first->first) +
                       " match the same sessions of one protocol; leave one rule for each");
    }
  }
}

}  // namespace

void read_sessions(const Value& value, const Path& path, Report& report, Model& model,
                   CrossCheck& names) {
  json::read_members(
      value, path, report, limits::kSessions, [&](const Member& member, const Path& item) {
        read_name(member.key, item, report);
        model.sessions.emplace(member.key, read_rule(member.value, item, report, model, names));
      });
  if (!report.has_errors()) refuse_overlaps(path, report, model.sessions);
}

}  // namespace concordat::policy
