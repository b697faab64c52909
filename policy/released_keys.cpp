#include "policy/released_keys.hpp"

#include "policy/field_reader.hpp"
#include "policy/key_pattern.hpp"
#include "policy/limits.hpp"
#include "policy/names.hpp"
#include "policy/parse_sections.hpp"

namespace concordat::policy {
namespace {

using json::Fields;
using json::Path;
using json::Report;
using json::Value;

constexpr json::Bounds kBounds{limits::kReportBytes, limits::kDepth, limits::kValues};

ReleasedKey read_entry(const Value& value, const Path& path, Report& report) {
  const Fields fields(
      value, path, report,
      {"role", "image", "module_id", "key", "version", "operation", "count", "last"});
  ReleasedKey out;
  out.role = fields.text("role", limits::kNameLength);
  out.image = fields.text("image", limits::kNameLength);
  out.module_id = fields.text("module_id", limits::kModuleIdLength);
  out.key = fields.text("key", limits::kKeyNameLength);
  if (!out.key.empty()) {
    if (const auto name = check_key_name(out.key); !name) {
      fields.error(PolicyErrc::bad_value, "key", name.error().detail());
    }
  }
  out.version = fields.integer("version", 0, limits::kInteger);
  const std::string_view operation = fields.text("operation", limits::kNameLength);
  if (const auto known = operation_named(operation)) {
    out.operation = *known;
  } else if (!operation.empty()) {
    fields.error(PolicyErrc::bad_value, "operation", quote(operation) + " is no operation");
  }
  if (const auto last = read_time(fields, "last")) out.last = *last;
  return out;
}

}  // namespace

base::Result<ReleasedKeys> read_released_keys(std::string_view text) {
  const json::Parsed parsed = json::parse(text, kBounds);
  if (!parsed.root) return parsed.why.to_error();
  Report report;
  const Path path;
  const Fields file(
      *parsed.root, path, report,
      {"format", "since", "at", "policy", "releases_complete", "releases", "refused", "refusals"});
  const std::string_view format = file.text("format", limits::kNameLength);
  if (!format.empty() && format != kCustodianReportFormat) {
    file.error(PolicyErrc::bad_value, "format", "want " + quote(kCustodianReportFormat));
  }
  ReleasedKeys out;
  if (const Value* const releases = file.get("releases")) {
    json::read_items(*releases, file.path("releases"), report, limits::kReleasedKeys,
                     [&](const Value& value, const Path& item) {
                       out.keys.push_back(read_entry(value, item, report));
                     });
  }
  if (const Value* const complete = file.get("releases_complete", json::Kind::boolean)) {
    out.is_complete = complete->boolean;
  }
  const Findings findings = std::move(report).take(text, *parsed.root);
  if (!findings.empty()) return findings.front().to_error();
  return out;
}

}  // namespace concordat::policy
