#include "deploy/cli/policy_edit.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_report.hpp"

namespace concordat::cli {
namespace {

using policy::Finding;

// Warnings whose place and words the file did not have before.
policy::Findings new_warnings(const Edited& edited) {
  policy::Findings out;
  std::ranges::copy_if(edited.after.warnings, std::back_inserter(out), [&](const Finding& finding) {
    return std::ranges::none_of(edited.before.warnings, [&](const Finding& before) {
      return before.code == finding.code && before.pointer == finding.pointer &&
             before.message == finding.message;
    });
  });
  return out;
}

}  // namespace

base::Result<Edited> edit_policy(const PolicyFiles& files, const Edit& edit) {
  CONCORDAT_TRY(OpenPolicy before, open_policy(files));
  CONCORDAT_TRY(std::string text, edit(before));
  CONCORDAT_TRY(OpenPolicy after, check_text(std::move(text), before.authority));
  CONCORDAT_CHECK(write_policy_text(files, after.text));
  return Edited{std::move(before), std::move(after)};
}

ExitStatus answer_edit(const Invocation& invocation, bool json, const PolicyFiles& files,
                       const Edited& edited, nlohmann::ordered_json fields,
                       const std::string& text) {
  const policy::Findings warnings = new_warnings(edited);
  const std::uint64_t serial = edited.after.model.serial;
  std::string out =
      text + "wrote " + files.policy + ", serial " + std::to_string(serial) + ", to be signed\n";
  for (const Finding& warning : warnings)
    out += to_text(files.policy, warning);
  fields["file"] = files.policy;
  fields["serial"] = serial;
  fields["warnings"] = to_json(warnings);
  return answer(invocation, json, fields, out);
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

base::UnixMillis now_in_seconds() noexcept {
  return {base::system_wall_clock().value / 1000 * 1000};
}

void add_time(Command command, const char* name, std::optional<base::UnixMillis>& time,
              const char* help) {
  command
      .add_option_function(
          name,
          [&time](const std::string& text) {
            const auto parsed = base::parse_rfc3339(text);
            if (!parsed) return parsed.error().to_string();
            time = *parsed;
            return std::string();
          },
          help)
      .type_name("TIME");
}

}  // namespace concordat::cli
