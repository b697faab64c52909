#include "policy/check.hpp"

#include <algorithm>
#include <set>

#include "policy/cross_check.hpp"
#include "policy/field_reader.hpp"
#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

using json::Report;

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

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
    for (const auto& [name, purpose] : model_.purposes)
      check_purpose(name, purpose);
    for (std::size_t i = 0; i < model_.grants.size(); ++i)
      check_grant(i, model_.grants[i]);
    check_operators();
  }

 private:
  void nobody(std::string pointer, std::string message) {
    report_.warning(PolicyErrc::nobody_admitted, std::move(pointer), std::move(message));
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
    for (std::uint32_t i = 0; i < model_.images.size(); ++i) {
      if (used.contains(i)) continue;
      report_.warning(PolicyErrc::unused, "/images" + pointer_token(model_.images[i].name),
                      "no role lists this image");
    }
  }

  void check_role(const std::string& name, const Role& role) {
    const std::string pointer = "/roles" + pointer_token(name);
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
    const bool used = std::ranges::any_of(model_.purposes, [&](const auto& entry) {
      return contains(entry.second.initiator, name) || contains(entry.second.responder, name);
    });
    if (!used) report_.warning(PolicyErrc::unused, pointer, "no purpose lists this role");
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

  void check_operators() {
    for (const auto& [name, entry] : model_.operators) {
      if (entry.purposes.empty()) {
        nobody("/operators" + pointer_token(name) + "/purposes",
               "no purpose: this operator is admitted to nothing");
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
