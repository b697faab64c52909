#include "policy/check.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "policy/coverage.hpp"
#include "policy/cross_check.hpp"
#include "policy/field_reader.hpp"
#include "policy/key_pattern.hpp"
#include "policy/limits.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {
namespace {

using json::Report;

void check_authority(const Model& model, const attest::AuthorityDescriptor& authority,
                     Report& report) {
  if (model.authority != authority.digest()) {
    report.error(PolicyErrc::bad_value, "/authority",
                 "the authority descriptor's digest is " + authority.digest().hex());
  }
  if (model.realm != authority.realm()) {
    report.error(PolicyErrc::bad_value, "/realm",
                 "the authority descriptor's realm is " + quote(authority.realm()));
  }
  if (const auto office = signer_in_office(model, authority)) {
    report.error(PolicyErrc::key_reused, office->pointer,
                 "a signer's key of the authority; give the office a key of its own");
  }
}

class Warnings {
 public:
  Warnings(const Model& model, base::UnixMillis now, Report& report)
      : model_(model), now_(now), report_(report) {}

  void run() {
    check_validity();
    check_images();
    for (const auto& [name, role] : model_.roles)
      check_role(name, role);
    check_overlaps();
    for (const auto& [name, purpose] : model_.purposes)
      check_purpose(name, purpose);
    for (std::size_t i = 0; i < model_.grants.size(); ++i)
      check_grant(i, model_.grants[i]);
    check_repeated_grants();
    for (const auto& [keys, rotation] : model_.rotation)
      check_rotation(keys, rotation);
    check_operators();
    check_audited_uses();
    for (const auto& [name, rule] : model_.sessions)
      check_session(name, rule);
  }

 private:
  void nobody(std::string pointer, std::string message) {
    report_.warning(PolicyErrc::nobody_admitted, std::move(pointer), std::move(message));
  }

  void check_audited_uses() {
    if (model_.audited_uses == AuditedUses::all) return;
    report_.warning(PolicyErrc::uses_unaudited, "/audited_uses",
                    "verify, public and random have no entry in the audit log; what releases a "
                    "key, or makes or opens something with it, has");
  }

  void check_validity() {
    constexpr const char* kPointer = "/validity/not_after";
    if (now_ >= model_.valid_until) {
      report_.warning(PolicyErrc::ends_soon, kPointer, "this policy has expired");
    } else if (model_.valid_until - now_ < limits::kEndsSoon) {
      report_.warning(PolicyErrc::ends_soon, kPointer,
                      "this policy expires within 7 days; enclaves end their channels then");
    }
  }

  void check_images() {
    std::set<std::uint32_t> used;
    for (const auto& [name, role] : model_.roles)
      used.insert(role.images.begin(), role.images.end());
    for (const auto& [session, rule] : model_.sessions) {
      for (const auto& [realm, entry] : rule.realms) {
        for (const auto& [name, role] : entry.roles)
          used.insert(role.images.begin(), role.images.end());
      }
    }
    for (std::uint32_t i = 0; i < model_.images.size(); ++i) {
      if (used.contains(i)) continue;
      report_.warning(PolicyErrc::unused, "/images" + pointer_token(model_.images[i].name),
                      "no role lists this image");
    }
  }

  void check_role(const std::string& name, const Role& role) {
    const std::string pointer = "/roles" + pointer_token(name);
    check_evidence(pointer, role);
    const bool asks_or_answers = std::ranges::any_of(model_.purposes, [&](const auto& entry) {
      return contains(entry.second.initiator, name) || contains(entry.second.responder, name);
    });
    const bool takes_part = std::ranges::any_of(
        model_.sessions, [&](const auto& entry) { return contains(entry.second.own_roles, name); });
    if (asks_or_answers || takes_part) return;
    report_.warning(PolicyErrc::unused, pointer, "no purpose lists this role");
  }

  void check_session(const std::string& name, const SessionRule& rule) {
    const std::string pointer = "/sessions" + pointer_token(name);
    if (rule.own_roles.empty()) nobody(pointer + "/own_roles", "no role of this realm takes part");
    for (const auto& [realm, entry] : rule.realms) {
      const std::string roles = pointer + "/realms" + pointer_token(realm) + "/roles";
      if (entry.roles.empty()) nobody(roles, "no role: nobody of the realm can take part");
      for (const auto& [role, evidence] : entry.roles)
        check_evidence(roles + pointer_token(role), evidence);
    }
  }

  void check_evidence(const std::string& pointer, const Role& role) {
    if (role.images.empty()) nobody(pointer + "/images", "no image: nobody can hold this role");
    if (role.accounts && role.accounts->empty()) {
      nobody(pointer + "/accounts", "no account: nobody can hold this role");
    }
    if (role.instances && role.instances->empty()) {
      nobody(pointer + "/instances", "no instance: nobody can hold this role");
    }
    if (!role.accounts && !role.instances) {
      report_.warning(PolicyErrc::role_unpinned, pointer,
                      "neither accounts nor instances are pinned: the same image in anybody's "
                      "account holds this role; pin one of them");
    }
  }

  // An enclave claims its role, and its parent chooses which: where evaluation cannot tell two
  // roles apart, whoever holds one holds both.
  void check_overlaps() {
    for (auto second = model_.roles.begin(); second != model_.roles.end(); ++second) {
      for (auto first = model_.roles.begin(); first != second; ++first) {
        const Image* const shared = shared_image(first->second, second->second);
        if (shared == nullptr) continue;
        report_.warning(PolicyErrc::roles_overlap, "/roles" + pointer_token(second->first),
                        "an enclave of image " + quote(shared->name) + " can play role " +
                            quote(first->first) +
                            " too, so the two are one; give each an image, accounts or instances "
                            "of its own");
      }
    }
  }

  // One that an enclave of both roles can have; nullptr where no enclave can play both.
  const Image* shared_image(const Role& a, const Role& b) const {
    if (!can_be_same(a.accounts, b.accounts) || !can_be_same(a.instances, b.instances)) {
      return nullptr;
    }
    for (const std::uint32_t index : b.images) {
      const Image& image = model_.images[index];
      const bool shared = std::ranges::any_of(
          a.images, [&](std::uint32_t other) { return can_be_same(model_.images[other], image); });
      if (shared) return &image;
    }
    return nullptr;
  }

  void check_purpose(const std::string& name, const Purpose& purpose) {
    const std::string pointer = "/purposes" + pointer_token(name);
    const bool operated = std::ranges::any_of(
        model_.operators, [&](const auto& entry) { return contains(entry.second.purposes, name); });
    if (purpose.initiator.empty() && !operated)
      nobody(pointer + "/initiator", "no role may ask for this");
    if (purpose.responder.empty()) nobody(pointer + "/responder", "no role may answer this");
  }

  void check_grant(std::size_t index, const Grant& grant) {
    const std::string pointer = "/grants/" + std::to_string(index);
    if (grant.operations.empty()) {
      report_.warning(PolicyErrc::unused, pointer + "/operations", "a grant of no operation");
    }
    const Purpose* const keys = model_.purpose(kKeysPurpose);
    if (keys == nullptr || !contains(keys->initiator, grant.role)) {
      report_.warning(PolicyErrc::unused, pointer + "/role",
                      "a grant nobody can use: the role does not initiate \"keys\"");
    }
    if (grant.expires && *grant.expires <= std::max(now_, model_.valid_from)) {
      report_.warning(PolicyErrc::unused, pointer + "/expires",
                      "a grant nobody can use: it has expired");
    }
  }

  // A grant whose every operation another one gives as well: it says nothing, or bounds nothing.
  void check_repeated_grants() {
    std::map<std::string_view, std::vector<std::size_t>> of_role;
    for (std::size_t i = 0; i < model_.grants.size(); ++i)
      of_role[model_.grants[i].role].push_back(i);
    for (const auto& [role, indices] : of_role) {
      for (const std::size_t i : indices)
        check_repeated_grant(i, indices);
    }
  }

  void check_repeated_grant(std::size_t index, const std::vector<std::size_t>& of_role) {
    const Grant& grant = model_.grants[index];
    std::optional<std::size_t> first;
    for (const Operation operation : grant.operations) {
      const auto other = std::ranges::find_if(
          of_role, [&](std::size_t i) { return i != index && gives_as_well(i, index, operation); });
      if (other == of_role.end()) return;
      if (!first) first = *other;
    }
    if (!first) return;  // of no operation, warned of already
    const bool is_bounded = grant.use_limit || grant.expires;
    report_.warning(PolicyErrc::unused, "/grants/" + std::to_string(index),
                    std::string(is_bounded ? "its limits bound nothing" : "it grants nothing new") +
                        ": /grants/" + std::to_string(*first) + " grants the same keys");
  }

  // Of two that are equal in it, the first one counts.
  [[nodiscard]] bool gives_as_well(std::size_t wide, std::size_t narrow,
                                   Operation operation) const {
    const Grant& a = model_.grants[wide];
    const Grant& b = model_.grants[narrow];
    if (!covers(a, b, operation)) return false;
    return wide < narrow || !covers(b, a, operation);
  }

  void check_rotation(const std::string& keys, const RotationInterval& rotation) {
    const std::string pointer = "/rotation" + pointer_token(keys);
    if (rotation.every_seconds < limits::kOftenRotationSeconds) {
      report_.warning(PolicyErrc::rotates_often, pointer + "/every_seconds",
                      "more often than daily: a key has 10,000 versions at most, and every reader "
                      "asks for each of them");
    }
    for (const auto& [other, wide] : model_.rotation) {
      if (other == keys || !matches(other, keys) || wide.every_seconds > rotation.every_seconds)
        continue;
      report_.warning(PolicyErrc::unused, pointer,
                      "/rotation" + pointer_token(other) + " rotates the same keys as often");
      return;
    }
  }

  void check_operators() {
    for (const auto& [name, entry] : model_.operators) {
      if (entry.purposes.empty()) {
        nobody("/operators" + pointer_token(name) + "/purposes",
               "no purpose: this operator is admitted to nothing");
      }
      if (contains(entry.purposes, kKeysPurpose)) {
        report_.warning(PolicyErrc::unused, "/operators" + pointer_token(name) + "/purposes",
                        "\"keys\" is for enclaves and serves no operator; \"admin\" is theirs");
      }
    }
  }

  const Model& model_;
  const base::UnixMillis now_;
  Report& report_;
};

}  // namespace

ParsedPolicy check_policy(std::string_view text, base::UnixMillis now,
                          const attest::AuthorityDescriptor* authority) {
  ParsedPolicy parsed = parse_policy(text);
  if (!parsed.model) return parsed;
  Report report;
  if (authority != nullptr) check_authority(*parsed.model, *authority, report);
  Warnings(*parsed.model, now, report).run();
  const json::Parsed tree = json::parse(text, json::kPolicyBounds);
  parsed.findings = std::move(report).take(text, *tree.root);
  if (has_error(parsed.findings)) parsed.model.reset();
  return parsed;
}

}  // namespace concordat::policy
