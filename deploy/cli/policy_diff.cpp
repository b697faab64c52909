// concordat policy diff | impact
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_consequences.hpp"
#include "deploy/cli/policy_report.hpp"
#include "policy/impact_text.hpp"

namespace concordat::cli {
namespace {

struct Options {
  std::string before;
  std::string after;
  std::vector<std::string> released;
  bool exit_code = false;
  bool json = false;
};

struct Pair {
  policy::PolicyFile before;
  policy::PolicyFile after;
};

base::Result<Pair> read_pair(const Options& options) {
  CONCORDAT_TRY(policy::PolicyFile before, read_any_policy(options.before));
  CONCORDAT_TRY(policy::PolicyFile after, read_any_policy(options.after));
  return Pair{std::move(before), std::move(after)};
}

nlohmann::ordered_json identity(const policy::PolicyFile& file) {
  return {{"serial", file.model.serial}, {"digest", file.digest.hex()}};
}

nlohmann::ordered_json identities(const Pair& pair) {
  return {{"before", identity(pair.before)}, {"after", identity(pair.after)}};
}

ExitStatus run_diff(const Options& options, const Invocation& invocation) {
  const auto pair = read_pair(options);
  if (!pair) return answer_failure(invocation, options.json, "diff", pair.error());
  const auto changes = policy::diff(pair->before.model, pair->after.model);
  const bool same_bytes = pair->before.digest == pair->after.digest;
  nlohmann::ordered_json fields = identities(*pair);
  fields["changes"] = to_json(changes);
  const attest::AuthorityDigest& authority = pair->before.model.authority;
  const attest::AuthorityDigest& successor = pair->after.model.authority;
  fields["redo"] = redo_json(authority, successor);
  std::string text = to_text(changes) + redo_text(authority, successor);
  if (changes.empty()) text = same_bytes ? "the same policy\n" : "the same meaning, other bytes\n";
  const ExitStatus answered = answer(invocation, options.json, fields, text);
  return options.exit_code && !changes.empty() ? ExitStatus::refused : answered;
}

struct Assessed {
  Pair pair;
  policy::Impact impact;
};

base::Result<Assessed> assess(const Options& options) {
  CONCORDAT_TRY(Pair pair, read_pair(options));
  CONCORDAT_TRY(const auto released, read_released(options.released));
  auto impact =
      policy::impact(pair.before.model, pair.after.model, base::system_wall_clock(), released);
  return Assessed{std::move(pair), std::move(impact)};
}

ExitStatus run_impact(const Options& options, const Invocation& invocation) {
  const auto assessed = assess(options);
  if (!assessed) return answer_failure(invocation, options.json, "impact", assessed.error());
  const policy::Impact& impact = assessed->impact;
  const policy::Finality finality = policy::finality(assessed->pair.before.model);
  nlohmann::ordered_json fields = identities(assessed->pair);
  fields.update(to_json(impact));
  fields["final"] = nlohmann::ordered_json::array({to_json(finality)});
  const std::string lost = impact.lost.empty() ? "nobody loses anything\n" : to_text(impact.lost);
  return answer(
      invocation, options.json, fields,
      lost + policy::rotation_text(impact) + policy::to_text(finality, base::system_wall_clock()));
}

Command add_command(Command policy, const char* name, const char* help, Options& options) {
  const Command command = policy.add_subcommand(name, help);
  command
      .add_option("BEFORE", options.before,
                  "The older policy: a policy file or a signed one; - is standard input")
      .required();
  command.add_option("AFTER", options.after, "The newer one").required();
  command.add_flag("--json", options.json, "Print one JSON object");
  return command;
}

}  // namespace

void add_policy_diff(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command diff = add_command(
      policy, "diff", "Say what a policy changes against an older one, for whom", *options);
  diff.add_flag("--exit-code", options->exit_code, "Exit status 2 where they differ");
  diff.footer(
      "'+' somebody may do more, '-' somebody may do less, '~' neither or both. By meaning: order\n"
      "and layout are no change. Where the authority changes, says what must be done again.\n"
      "Signatures are not looked at; `verify` does that.\n"
      "Examples:\n"
      "  concordat policy diff policy.signed.json policy.json\n"
      "  git show HEAD:policy.json | concordat policy diff - policy.json --exit-code\n"
      "Exit status: 0 compared, 2 not two policies (or --exit-code and they differ), 1 usage or\n"
      "input/output error.");
  on_chosen(diff, invocation, [options, &invocation] { return run_diff(*options, invocation); });
}

void add_policy_impact(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command impact =
      add_command(policy, "impact",
                  "Say who loses what under a newer policy, and which keys to rotate", *options);
  add_released(impact, options->released);
  impact.footer(
      "Keys that could be had by `get` or `derive` and can be no more are to be rotated: whoever\n"
      "received them knows them still. With custodians' reports it names versions and enclaves, "
      "too.\n"
      "Examples:\n"
      "  concordat policy impact policy.signed.json policy.json\n"
      "  concordat policy impact old.json new.json --released report.json --json\n"
      "Exit status: 0 compared, 2 not two policies, 1 usage or input/output error.");
  on_chosen(impact, invocation,
            [options, &invocation] { return run_impact(*options, invocation); });
}

}  // namespace concordat::cli
