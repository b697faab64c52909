// concordat policy fmt
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "policy/edit.hpp"

namespace concordat::cli {
namespace {

struct Options {
  PolicyFiles files;
  bool check = false;
  bool json = false;
};

struct Formatted {
  bool changes = false;
};

base::Result<Formatted> format(const Options& options) {
  CONCORDAT_TRY(const std::string text, read_policy_text(options.files));
  CONCORDAT_TRY(const std::string canonical, policy::canonical_policy(text));
  const bool changes = canonical != text;
  if (changes && !options.check) CONCORDAT_CHECK(write_policy_text(options.files, canonical));
  return Formatted{changes};
}

ExitStatus run_fmt(const Options& options, const Invocation& invocation) {
  const auto formatted = format(options);
  if (!formatted) return answer_failure(invocation, options.json, "fmt", formatted.error());
  const bool changes = formatted->changes;
  const bool is_refused = changes && options.check;
  const char* const verdict = is_refused ? ": not in the canonical layout\n"
                              : changes  ? ": written in the canonical layout\n"
                                         : ": is in the canonical layout\n";
  const ExitStatus answered =
      answer(invocation, options.json, {{"file", options.files.policy}, {"changes", changes}},
             options.files.policy + verdict);
  return is_refused ? ExitStatus::refused : answered;
}

}  // namespace

void add_policy_fmt(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command fmt = policy.add_subcommand("fmt", "Write the policy file in its one layout");
  add_policy_file(fmt, options->files.policy);
  fmt.add_flag("--check", options->check, "Write nothing; exit status 2 where it would change");
  fmt.add_flag("--json", options->json, "Print one JSON object");
  fmt.footer(
      "Two spaces a level, one entry a line; the order of entries is yours. What the file says\n"
      "stays the same, and so does the serial: sign after it, for signatures are over the bytes.\n"
      "Examples:\n"
      "  concordat policy fmt\n"
      "  concordat policy fmt --check --policy staging.json\n"
      "Exit status: 0 is or was written so, 2 --check found otherwise or the file has errors,\n"
      "1 usage or input/output error.");
  on_chosen(fmt, invocation, [options, &invocation] { return run_fmt(*options, invocation); });
}

}  // namespace concordat::cli
