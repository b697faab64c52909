#include "policy/parse.hpp"

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

constexpr std::string_view kAny = "any";
constexpr std::string_view kNone = "none";

// nullopt (and reported) unless N bytes in lower- or upper-case hex.
template <class Fixed>
std::optional<Fixed> read_hex(std::string_view text, const Path& path, Report& report) {
  auto fixed = Fixed::from_hex(text);
  if (fixed) return *std::move(fixed);
  report.error(PolicyErrc::bad_value, path,
               "want " + std::to_string(Fixed::kSize * 2) + " hexadecimal digits");
  return std::nullopt;
}

bool read_name(std::string_view name, const Path& path, Report& report) {
  if (is_name(name)) return true;
  report.error(PolicyErrc::bad_value, path, quote(name) + " is no name: " + kNameRule);
  return false;
}

void read_header(const Fields& file, Model& model) {
  if (const auto format = file.text("format", limits::kNameLength);
      !format.empty() && format != kPolicyFormat) {
    file.error(PolicyErrc::bad_value, "format",
               "want " + quote(kPolicyFormat) + ", found " + quote(format));
  }
  // The realm's own rule is the authority descriptor's, which must name the same.
  model.realm = file.text("realm", attest::kMaxRealmSize);
  model.serial = file.integer("serial", 1, limits::kInteger);
  model.minimum_protocol_version = static_cast<std::uint16_t>(
      file.integer("minimum_protocol_version", 1, limits::kMaxProtocolVersion));
  model.document_max_age_seconds =
      file.integer("document_max_age_seconds", 1, limits::kMaxDocumentAgeSeconds);
}

void read_authority(const Fields& file, Report& report, Model& model) {
  const std::string_view text = file.text("authority", attest::AuthorityDigest::kSize * 2);
  if (text.empty()) return;
  const auto digest = read_hex<attest::AuthorityDigest>(text, file.path("authority"), report);
  if (digest) model.authority = *digest;
}

void read_validity(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields validity(value, path, report, {"not_before", "not_after"});
  const auto read_time = [&](std::string_view key) -> std::optional<base::UnixMillis> {
    const std::string_view text = validity.text(key, limits::kNameLength);
    if (text.empty()) return std::nullopt;
    const auto time = base::parse_rfc3339(text);
    if (time) return *time;
    validity.error(PolicyErrc::bad_value, key,
                   quote(text) + " is no RFC 3339 time such as \"2026-01-31T00:00:00Z\"");
    return std::nullopt;
  };
  const auto from = read_time("not_before");
  const auto until = read_time("not_after");
  if (!from || !until) return;
  model.valid_from = *from;
  model.valid_until = *until;
  if (*until <= *from) {
    validity.error(PolicyErrc::bad_validity, "not_after", "must be later than not_before");
  } else if (*until - *from > limits::kMaxValidity) {
    validity.error(PolicyErrc::bad_validity, "not_after",
                   "more than 90 days after not_before: a withheld revocation would last as long");
  }
}

void read_channel_life(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields life(value, path, report, {"seconds", "bytes", "records"});
  model.channel_life = {life.integer("seconds", 1, limits::kMaxChannelSeconds),
                        life.integer("bytes", 1, limits::kMaxChannelBytes),
                        life.integer("records", 1, limits::kMaxChannelRecords)};
}

void read_generation(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields fields(value, path, report, {"generation", "state", "commitment"});
  RootGeneration root;
  root.generation = static_cast<std::uint32_t>(fields.integer("generation", 1, UINT32_MAX));
  const std::string_view state = fields.text("state", limits::kNameLength);
  root.current = state == "current";
  if (!state.empty() && !root.current && state != "read_only") {
    fields.error(PolicyErrc::bad_value, "state", "want \"current\" or \"read_only\"");
  }
  const std::string_view text = fields.text("commitment", limits::kCommitmentMax * 2);
  auto commitment = base::from_hex(text);
  if (!text.empty() && (!commitment || commitment->size() < limits::kCommitmentMin)) {
    fields.error(PolicyErrc::bad_value, "commitment", "want 64 to 96 hexadecimal digits");
  } else if (commitment) {
    root.commitment = *std::move(commitment);
  }
  model.root_generations.push_back(std::move(root));
}

void read_root(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields root(value, path, report, {"kms_key_arn", "generations"});
  const std::string_view arn = root.text("kms_key_arn", limits::kArnLength);
  if (!arn.empty() && arn != kNone) {
    if (!is_kms_key_arn(arn)) {
      root.error(PolicyErrc::bad_value, "kms_key_arn",
                 "want \"none\" or the ARN of a key "
                 "(\"arn:aws:kms:REGION:ACCOUNT:key/ID\"); an alias can be pointed elsewhere");
    }
    model.kms_key_arn = arn;
  }
  if (const Value* const list = root.get("generations")) {
    json::read_items(*list, root.path("generations"), report, limits::kRootGenerations,
                     [&](const Value& item, const Path& item_path) {
                       read_generation(item, item_path, report, model);
                     });
  }
}

std::optional<PcrValue> read_pin(const Fields& image, std::string_view key, Report& report) {
  const std::string_view text = image.text(key, PcrValue::kSize * 2);
  if (text.empty()) return std::nullopt;
  const auto pin = read_hex<PcrValue>(text, image.path(key), report);
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

// "any", or a list of texts that are hashed and of ready values in hex.
std::optional<std::vector<Pin>> read_pins(const Fields& role, std::string_view key, Report& report,
                                          bool (*is_text)(std::string_view), const char* rule) {
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
                     if (is_text(text)) {
                       pins.push_back({std::string(text), pcr_of_text(text)});
                     } else if (const auto hex = PcrValue::from_hex(text); hex && !hex->is_zero()) {
                       pins.push_back({std::string(text), *hex});
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
  const Fields fields(member.value, path, report, {"images", "accounts", "instances"});
  Role role;
  if (const Value* const images = fields.get("images")) {
    json::read_texts(*images, fields.path("images"), report, limits::kImages, limits::kNameLength,
                     [&](std::string_view name, const Path& item) {
                       if (const auto index = names.image(name, item))
                         role.images.push_back(*index);
                     });
  }
  role.accounts = read_pins(fields, "accounts", report, is_role_arn,
                            "an IAM role ARN (\"arn:aws:iam::ACCOUNT:role/NAME\")");
  role.instances = read_pins(fields, "instances", report, is_instance_id,
                             "an instance id (\"i-0123456789abcdef0\")");
  model.roles.emplace(member.key, std::move(role));
}

void read_purpose(const Member& member, const Path& path, Report& report, Model& model,
                  CrossCheck& names) {
  if (!is_purpose_name(member.key)) {
    report.error(PolicyErrc::bad_value, path, quote(member.key) + " is no name of a purpose");
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

void read_grant(const Value& value, const Path& path, Report& report, Model& model,
                CrossCheck& names) {
  const Fields fields(value, path, report, {"role", "keys", "operations"});
  Grant grant;
  grant.role = fields.text("role", limits::kNameLength);
  if (!grant.role.empty()) (void)names.role(grant.role, fields.path("role"));
  grant.keys = fields.text("keys", limits::kKeyNameLength + 2);
  if (!grant.keys.empty()) {
    if (const auto pattern = check_key_pattern(grant.keys); !pattern) {
      fields.error(PolicyErrc::bad_value, "keys", pattern.error().detail());
    }
  }
  if (const Value* const list = fields.get("operations")) {
    json::read_texts(*list, fields.path("operations"), report, limits::kNameLength,
                     limits::kNameLength, [&](std::string_view name, const Path& item) {
                       if (const auto operation = operation_named(name)) {
                         grant.operations.push_back(*operation);
                       } else {
                         report.error(PolicyErrc::bad_value, item,
                                      quote(name) + " is no operation: want \"get\" or \"sign\"");
                       }
                     });
  }
  model.grants.push_back(std::move(grant));
}

// The sections that name one another: images, then roles, then what uses roles.
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
  names.finish();
}

Model read_file(const Value& root, Report& report) {
  const Path path;
  Model model;
  const Fields file(root, path, report,
                    {"format", "realm", "serial", "validity", "authority",
                     "minimum_protocol_version", "document_max_age_seconds", "channel_life", "root",
                     "images", "roles", "purposes", "grants"});
  if (root.kind != Kind::object) return model;
  read_header(file, model);
  read_authority(file, report, model);
  if (const Value* const value = file.get("validity")) {
    read_validity(*value, file.path("validity"), report, model);
  }
  if (const Value* const value = file.get("channel_life")) {
    read_channel_life(*value, file.path("channel_life"), report, model);
  }
  if (const Value* const value = file.get("root")) {
    read_root(*value, file.path("root"), report, model);
  }
  read_sections(file, report, model);
  return model;
}

}  // namespace

ParsedPolicy parse_policy(std::string_view text) {
  json::Parsed parsed = json::parse(text, json::kPolicyBounds);
  if (!parsed.root) return {std::nullopt, {std::move(parsed.why)}};
  Report report;
  Model model = read_file(*parsed.root, report);
  Findings findings = std::move(report).take(text, *parsed.root);
  if (has_error(findings)) return {std::nullopt, std::move(findings)};
  return {std::move(model), std::move(findings)};
}

base::Result<Model> load_policy(std::string_view text) {
  ParsedPolicy parsed = parse_policy(text);
  if (!parsed.model) return parsed.findings.front().to_error();
  return *std::move(parsed.model);
}

}  // namespace concordat::policy
