// concordat policy check
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/policy_report.hpp"

namespace concordat::cli {
namespace {

using policy::Finding;
using policy::Findings;
using policy::Severity;

struct Options {
  PolicyFiles files;
  bool json = false;
};

ExitStatus report(const Options& options, const Invocation& invocation, const Findings& findings) {
  const auto errors = std::ranges::count(findings, Severity::error, &Finding::severity);
  const auto warnings = std::ssize(findings) - errors;
  if (options.json) {
    const nlohmann::ordered_json out = {{"ok", errors == 0},
                                        {"errors", errors},
                                        {"warnings", warnings},
                                        {"findings", to_json(findings)}};
    print_json(invocation, out);
  } else {
    for (const Finding& finding : findings)
      invocation.out << to_text(options.files.policy, finding);
    invocation.out << options.files.policy << ": " << errors
                   << (errors == 1 ? " error, " : " errors, ") << warnings
                   << (warnings == 1 ? " warning\n" : " warnings\n");
  }
  return errors == 0 ? ExitStatus::done : ExitStatus::refused;
}

ExitStatus run_check(const Options& options, const Invocation& invocation) {
  const auto text = read_policy_text(options.files);
  if (!text) return answer_failure(invocation, options.json, "check", text.error());
  const auto authority = read_authority(options.files);
  if (!authority) return answer_failure(invocation, options.json, "check", authority.error());
  return report(options, invocation,
                policy::check_policy(*text, base::system_wall_clock(), &*authority).findings);
}

}  // namespace

void add_policy_check(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command check =
      policy.add_subcommand("check", "Find every mistake of the policy file, and what is doubtful");
  add_policy_files(check, options->files);
  check.add_flag("--json", options->json, "Print one JSON object");
  check.footer(
      "Errors are what an enclave refuses; warnings are what deserves a second look.\n"
      "Examples:\n"
      "  concordat policy check\n"
      "  concordat policy check --policy staging.json --json\n"
      "Exit status: 0 no error, 2 errors, 1 usage or input/output error.");
  on_chosen(check, invocation, [options, &invocation] { return run_check(*options, invocation); });
}

}  // namespace concordat::cli
