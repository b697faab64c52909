#include "policy/parse.hpp"

#include "policy/kms_key_arn.hpp"
#include "policy/limits.hpp"
#include "policy/names.hpp"
#include "policy/parse_sections.hpp"

namespace concordat::policy {
namespace {

using json::Fields;
using json::Kind;
using json::Path;
using json::Report;
using json::Value;

void read_header(const Fields& file, Model& model) {
  if (const auto format = file.text("format", limits::kNameLength);
      !format.empty() && format != kPolicyFormat) {
    file.error(PolicyErrc::bad_value, "format",
               "want " + quote(kPolicyFormat) + ", found " + quote(format));
  }
  model.realm = file.text("realm", attest::kMaxRealmSize);
  if (!model.realm.empty()) {
    if (const auto realm = attest::check_realm(model.realm); !realm)
      file.error(PolicyErrc::bad_value, "realm", realm.error().detail());
  }
  model.serial = file.integer("serial", 1, limits::kInteger);
  model.minimum_protocol_version = static_cast<std::uint16_t>(
      file.integer("minimum_protocol_version", 1, limits::kMaxProtocolVersion));
  model.document_max_age_seconds =
      file.integer("document_max_age_seconds", 1, limits::kMaxDocumentAgeSeconds);
}

void read_authority(const Fields& file, Report& report, Model& model) {
  const auto digest = json::read_hex_field<attest::AuthorityDigest>(file, "authority", report);
  if (digest) model.authority = *digest;
}

void read_validity(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields validity(value, path, report, {"not_before", "not_after"});
  const auto from = read_time(validity, "not_before");
  const auto until = read_time(validity, "not_after");
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

// "none", or the key whose statements keep the policy in force.
void read_freshness(const Value& value, const Path& path, Report& report, Model& model) {
  if (value.kind == Kind::text && value.text == kNone) return;
  const Fields fields(value, path, report, {"key", "max_age_seconds"});
  Freshness freshness;
  if (const auto key = json::read_public_key<attest::SignerKey>(fields, "key", report))
    freshness.key = *key;
  freshness.max_age_seconds = fields.integer("max_age_seconds", 1, limits::kMaxFreshnessSeconds);
  model.freshness = freshness;
}

// Not there: every use is.
void read_audited_uses(const Fields& file, Model& model) {
  constexpr std::string_view kKey = "audited_uses";
  if (file.get(kKey) == nullptr) return;
  const std::string_view level = file.text(kKey, limits::kNameLength);
  if (const auto known = audited_uses_from(level)) {
    model.audited_uses = *known;
  } else if (!level.empty()) {
    file.error(PolicyErrc::bad_value, kKey, "want \"all\" or \"secret\"");
  }
}

void read_generation(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields fields(value, path, report, {"generation", "state", "commitment"}, {"kms_key_arn"});
  RootGeneration root;
  root.generation =
      static_cast<std::uint32_t>(fields.integer("generation", 1, limits::kMaxGeneration));
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
  if (fields.get("kms_key_arn") != nullptr) {
    const std::string_view arn = fields.text("kms_key_arn", limits::kArnLength);
    if (const auto key = KmsKeyArn::parse(arn); !key) {
      fields.error(PolicyErrc::bad_value, "kms_key_arn",
                   "want the ARN of a KMS key: " + key.error().detail());
    }
    root.kms_key_arn = arn;
  }
  model.root_generations.push_back(std::move(root));
}

void read_root(const Value& value, const Path& path, Report& report, Model& model) {
  const Fields root(value, path, report, {"kms_key_arn", "generations"});
  const std::string_view arn = root.text("kms_key_arn", limits::kArnLength);
  if (!arn.empty() && arn != kNone) {
    if (const auto key = KmsKeyArn::parse(arn); !key) {
      root.error(PolicyErrc::bad_value, "kms_key_arn",
                 "want \"none\" or the ARN of a KMS key: " + key.error().detail());
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

Model read_file(const Value& root, Report& report) {
  const Path path;
  Model model;
  const Fields file(
      root, path, report,
      {"format", "realm", "serial", "validity", "authority", "minimum_protocol_version",
       "document_max_age_seconds", "channel_life", "freshness", "root", "images", "roles",
       "purposes", "grants", "rotation", "operators", "recovery"},
      {"audited_uses", "sessions"});
  if (root.kind != Kind::object) return model;
  read_header(file, model);
  read_authority(file, report, model);
  if (const Value* const value = file.get("validity")) {
    read_validity(*value, file.path("validity"), report, model);
  }
  if (const Value* const value = file.get("channel_life")) {
    read_channel_life(*value, file.path("channel_life"), report, model);
  }
  if (const Value* const value = file.get("freshness")) {
    read_freshness(*value, file.path("freshness"), report, model);
  }
  if (const Value* const value = file.get("root")) {
    read_root(*value, file.path("root"), report, model);
  }
  read_audited_uses(file, model);
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
