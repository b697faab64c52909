#include "policy/parse_sections.hpp"

#include "policy/cross_check.hpp"
#include "policy/key_pattern.hpp"
#include "policy/limits.hpp"
#include "policy/names.hpp"

namespace concordat::policy {
namespace {

using json::Fields;
using json::Kind;
using json::Member;
using json::Path;
using json::Report;
using json::Value;

std::optional<PcrValue> read_pin(const Fields& image, std::string_view key, Report& report) {
  const auto pin = json::read_hex_field<PcrValue>(image, key, report);
  if (pin && pin->is_zero()) {
    image.error(PolicyErrc::weak_pin, key,
                "all zero: that is a register in debug mode or of an unsigned image, no identity");
  }
  return pin;
}

void read_image(const Member& member, const Path& path, Report& report, Model& model) {
  read_name(member.key, path, report);
  const bool pcr8_alone = member.value.members.size() == 1 && member.value.members[0].key == "PCR8";
  if (pcr8_alone) {
    return report.error(PolicyErrc::weak_pin, path,
                        "PCR8 alone: it says who signed an image, not which image it is; "
                        "pin PCR0, PCR1 and PCR2 too");
  }
  const Fields image(member.value, path, report, {"PCR0", "PCR1", "PCR2", "PCR8"});
  Image out;
  out.name = member.key;
  out.pcr0 = read_pin(image, "PCR0", report).value_or(PcrValue());
  out.pcr1 = read_pin(image, "PCR1", report).value_or(PcrValue());
  out.pcr2 = read_pin(image, "PCR2", report).value_or(PcrValue());
  const Value* const pcr8 = image.get("PCR8");
  const bool any_signer = pcr8 != nullptr && pcr8->kind == Kind::text && pcr8->text == kAny;
  if (!any_signer) out.pcr8 = read_pin(image, "PCR8", report).value_or(PcrValue());
  model.images.push_back(std::move(out));
}

std::string all_operations() {
  std::string out;
  for (std::uint8_t number = 1; number <= kOperations; ++number) {
    out += out.empty() ? "" : ", ";
    out += to_string(static_cast<Operation>(number));
  }
  return out;
}

// "any", or a list of texts that are hashed and of ready values in hex.
std::optional<std::vector<Pin>> read_pins(const Fields& role, std::string_view key, Report& report,
                                          std::optional<Pin> (*read)(std::string_view),
                                          const char* rule) {
  const Value* const value = role.get(key);
  if (value == nullptr) return std::vector<Pin>();
  if (value->kind == Kind::text) {
    if (value->text == kAny) return std::nullopt;
    role.error(PolicyErrc::bad_value, key, "want \"any\" or an array");
    return std::vector<Pin>();
  }
  std::vector<Pin> pins;
  json::read_texts(*value, role.path(key), report, limits::kPinsPerRole, limits::kArnLength,
                   [&](std::string_view text, const Path& path) {
                     if (auto pin = read(text)) {
                       pins.push_back(*std::move(pin));
                     } else {
                       report.error(PolicyErrc::bad_value, path,
                                    quote(text) + ": want " + rule +
                                        " or 96 hexadecimal digits that are not all zero");
                     }
                   });
  return pins;
}

void read_role(const Member& member, const Path& path, Report& report, Model& model,
               CrossCheck& names) {
  read_name(member.key, path, report);
  const Fields fields(member.value, path, report,
                      {"images", "accounts", "instances", "maximum_live"});
  Role role = read_evidence(fields, report, names);
  role.maximum_live = read_limit(fields, "maximum_live", kAny);
  model.roles.emplace(member.key, std::move(role));
}

void read_purpose(const Member& member, const Path& path, Report& report, Model& model,
                  CrossCheck& names) {
  if (!is_purpose_name(member.key)) {
    report.error(PolicyErrc::bad_value, path, quote(member.key) + " is no name of a purpose");
  }
  if (member.key == kSessionPurpose) {
    report.error(PolicyErrc::purpose_misused, path, "who takes part in sessions is in /sessions");
  }
  const Fields fields(member.value, path, report, {"initiator", "responder"});
  const auto read_side = [&](std::string_view side) {
    std::vector<std::string> roles;
    if (const Value* const list = fields.get(side)) {
      json::read_texts(*list, fields.path(side), report, limits::kRoles, limits::kNameLength,
                       [&](std::string_view role, const Path& item) {
                         if (names.role(role, item)) roles.emplace_back(role);
                       });
    }
    return roles;
  };
  Purpose purpose{read_side("initiator"), read_side("responder")};
  model.purposes.emplace(member.key, std::move(purpose));
}

void read_key_pattern(std::string_view pattern, const Path& path, Report& report) {
  if (const auto checked = check_key_pattern(pattern); !checked) {
    report.error(PolicyErrc::bad_value, path, checked.error().detail());
  }
}

void read_grant(const Value& value, const Path& path, Report& report, Model& model,
                CrossCheck& names) {
  const Fields fields(value, path, report, {"role", "keys", "operations", "use_limit", "expires"});
  Grant grant;
  grant.role = fields.text("role", limits::kNameLength);
  if (!grant.role.empty()) (void)names.role(grant.role, fields.path("role"));
  grant.keys = fields.text("keys", limits::kKeyNameLength + 2);
  if (!grant.keys.empty()) read_key_pattern(grant.keys, fields.path("keys"), report);
  if (const Value* const list = fields.get("operations")) {
    json::read_texts(*list, fields.path("operations"), report, kOperations, limits::kNameLength,
                     [&](std::string_view name, const Path& item) {
                       if (const auto operation = operation_named(name)) {
                         grant.operations.push_back(*operation);
                       } else {
                         report.error(
                             PolicyErrc::bad_value, item,
                             quote(name) + " is no operation: want one of " + all_operations());
                       }
                     });
  }
  grant.use_limit = read_limit(fields, "use_limit", kNone);
  const Value* const expires = fields.get("expires");
  if (expires != nullptr && !(expires->kind == Kind::text && expires->text == kNever)) {
    grant.expires = read_time(fields, "expires");
  }
  model.grants.push_back(std::move(grant));
}

void read_rotation(const Member& member, const Path& path, Report& report, Model& model) {
  read_key_pattern(member.key, path, report);
  const Fields fields(member.value, path, report, {"every_seconds"});
  model.rotation.emplace(member.key, RotationInterval{fields.integer("every_seconds", 1,
                                                                     limits::kMaxRotationSeconds)});
}

void read_operator(const Member& member, const Path& path, Report& report, Model& model,
                   CrossCheck& names) {
  read_name(member.key, path, report);
  const Fields fields(member.value, path, report, {"key", "purposes"});
  Operator out;
  if (const auto key = json::read_public_key<attest::SignerKey>(fields, "key", report))
    out.key = *key;
  if (const Value* const list = fields.get("purposes")) {
    json::read_texts(*list, fields.path("purposes"), report, limits::kPurposes,
                     limits::kPurposeLength, [&](std::string_view purpose, const Path& item) {
                       if (names.purpose(purpose, item)) out.purposes.emplace_back(purpose);
                     });
  }
  model.operators.emplace(member.key, std::move(out));
}

void read_recovery(const Value& value, const Path& path, Report& report, Model& model) {
  if (value.kind == Kind::text && value.text == kNone) return;
  const Fields fields(value, path, report, {"threshold", "holders"});
  Recovery recovery;
  recovery.threshold = static_cast<std::uint32_t>(fields.integer("threshold", 1, limits::kHolders));
  if (const Value* const holders = fields.get("holders")) {
    json::read_members(*holders, fields.path("holders"), report, limits::kHolders,
                       [&](const Member& member, const Path& item) {
                         read_name(member.key, item, report);
                         const Fields holder(member.value, item, report, {"key"});
                         const auto key = json::read_public_key<HolderKey>(holder, "key", report);
                         if (key) recovery.holders.emplace(member.key, *key);
                       });
  }
  model.recovery = std::move(recovery);
}

}  // namespace

bool read_name(std::string_view name, const Path& path, Report& report) {
  if (is_name(name)) return true;
  report.error(PolicyErrc::bad_value, path, quote(name) + " is no name: " + kNameRule);
  return false;
}

std::optional<std::uint64_t> read_limit(const Fields& fields, std::string_view key,
                                        std::string_view unlimited) {
  const Value* const value = fields.get(key);
  if (value == nullptr || (value->kind == Kind::text && value->text == unlimited)) {
    return std::nullopt;
  }
  return fields.integer(key, 1, limits::kInteger);
}

Role read_evidence(const Fields& fields, Report& report, CrossCheck& names) {
  Role role;
  if (const Value* const images = fields.get("images")) {
    json::read_texts(*images, fields.path("images"), report, limits::kImages, limits::kNameLength,
                     [&](std::string_view name, const Path& item) {
                       if (const auto index = names.image(name, item))
                         role.images.push_back(*index);
                     });
  }
  role.accounts = read_pins(fields, "accounts", report, account_pin,
                            "an IAM role ARN (\"arn:aws:iam::ACCOUNT:role/NAME\")");
  role.instances = read_pins(fields, "instances", report, instance_pin,
                             "an instance id (\"i-0123456789abcdef0\")");
  return role;
}

// Images, then roles, then what uses roles: each names only what came before.
void read_sections(const Fields& file, Report& report, Model& model) {
  CrossCheck names(model, report);
  if (const Value* const images = file.get("images")) {
    json::read_members(*images, file.path("images"), report, limits::kImages,
                       [&](const Member& m, const Path& p) { read_image(m, p, report, model); });
  }
  names.index_images();
  if (const Value* const roles = file.get("roles")) {
    json::read_members(
        *roles, file.path("roles"), report, limits::kRoles,
        [&](const Member& m, const Path& p) { read_role(m, p, report, model, names); });
  }
  if (const Value* const purposes = file.get("purposes")) {
    json::read_members(
        *purposes, file.path("purposes"), report, limits::kPurposes,
        [&](const Member& m, const Path& p) { read_purpose(m, p, report, model, names); });
  }
  if (const Value* const grants = file.get("grants")) {
    json::read_items(
        *grants, file.path("grants"), report, limits::kGrants,
        [&](const Value& v, const Path& p) { read_grant(v, p, report, model, names); });
  }
  if (const Value* const rotation = file.get("rotation")) {
    json::read_members(*rotation, file.path("rotation"), report, limits::kRotations,
                       [&](const Member& m, const Path& p) { read_rotation(m, p, report, model); });
  }
  if (const Value* const operators = file.get("operators")) {
    json::read_members(
        *operators, file.path("operators"), report, limits::kOperators,
        [&](const Member& m, const Path& p) { read_operator(m, p, report, model, names); });
  }
  if (const Value* const recovery = file.get("recovery")) {
    read_recovery(*recovery, file.path("recovery"), report, model);
  }
  if (const Value* const sessions = file.get("sessions")) {
    read_sessions(*sessions, file.path("sessions"), report, model, names);
  }
  names.finish();
}

std::optional<base::UnixMillis> read_time(const Fields& fields, std::string_view key) {
  const std::string_view text = fields.text(key, limits::kNameLength);
  if (text.empty()) return std::nullopt;
  const auto time = base::parse_rfc3339(text);
  if (time) return *time;
  fields.error(PolicyErrc::bad_value, key,
               quote(text) + " is no RFC 3339 time such as \"2026-01-31T00:00:00Z\"");
  return std::nullopt;
}

}  // namespace concordat::policy
