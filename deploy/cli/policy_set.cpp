// concordat policy set | renew | add-operator
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/key_file.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "deploy/cli/policy_report.hpp"
#include "policy/diff.hpp"
#include "policy/edit.hpp"

namespace concordat::cli {
namespace {

// Edits, and says what changed.
ExitStatus run_edit(const char* command, const PolicyFiles& files, bool json, const Edit& edit,
                    const Invocation& invocation) {
  const auto edited = edit_policy(files, edit);
  if (!edited) return answer_failure(invocation, json, command, edited.error());
  const auto changes = policy::diff(edited->before.model, edited->after.model);
  return answer_edit(invocation, json, files, *edited, {{"changes", to_json(changes)}},
                     to_text(changes));
}

struct SetOptions {
  PolicyFiles files;
  policy::Settings settings;
  std::string freshness_key;
  std::uint64_t freshness_age = 0;
  bool no_freshness = false;
  policy::Recovery recovery;
  bool no_recovery = false;
  bool json = false;
};

base::Result<policy::Settings> settings_of(const SetOptions& options) {
  policy::Settings settings = options.settings;
  if (options.no_freshness) settings.freshness.emplace();
  if (!options.freshness_key.empty()) {
    CONCORDAT_TRY(const auto key, read_public_key_file(options.freshness_key));
    settings.freshness = policy::Freshness{key, options.freshness_age};
  }
  if (options.no_recovery) settings.recovery.emplace();
  if (!options.recovery.holders.empty()) settings.recovery = options.recovery;
  return settings;
}

ExitStatus run_set(const SetOptions& options, const Invocation& invocation) {
  return run_edit(
      "set", options.files, options.json,
      [&](const OpenPolicy& open) -> base::Result<std::string> {
        CONCORDAT_TRY(const policy::Settings settings, settings_of(options));
        return policy::change_settings(open.text, settings);
      },
      invocation);
}

struct NamedValue {
  std::string name, value;
};

// "NAME=VALUE", both not empty.
std::optional<NamedValue> split_at_equals(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) return std::nullopt;
  return NamedValue{text.substr(0, at), text.substr(at + 1)};
}

std::string want_named_value(const std::string& text) {
  return "want NAME=VALUE, got '" + text + "'";
}

// Each takes one value of its option, or says what is wrong with it.
std::string take_holder(SetOptions& options, const std::string& text) {
  const auto holder = split_at_equals(text);
  if (!holder) return want_named_value(text);
  const auto key = policy::HolderKey::from_hex(holder->value);
  if (!key) return holder->name + ": " + key.error().to_string();
  options.recovery.holders.insert_or_assign(holder->name, *key);
  return {};
}

std::string take_maximum_live(SetOptions& options, const std::string& text) {
  const auto limit = split_at_equals(text);
  if (!limit) return want_named_value(text);
  std::optional<std::uint64_t> maximum;
  if (limit->value != "any") {
    maximum = command_line::parse_number(limit->value);
    if (!maximum) return "want ROLE=N or ROLE=any, got '" + text + "'";
  }
  options.settings.maximum_live.insert_or_assign(limit->name, maximum);
  return {};
}

std::string take_rotation(SetOptions& options, const std::string& text) {
  const auto rotation = split_at_equals(text);
  if (!rotation) return want_named_value(text);
  std::optional<std::uint64_t> every_seconds;
  if (rotation->value != "never") {
    every_seconds = command_line::parse_number(rotation->value);
    if (!every_seconds) return "want PATTERN=SECONDS or PATTERN=never, got '" + text + "'";
  }
  options.settings.rotation.insert_or_assign(rotation->name, every_seconds);
  return {};
}

std::string take_audited_uses(SetOptions& options, const std::string& text) {
  options.settings.audited_uses = policy::audited_uses_from(text);
  return options.settings.audited_uses ? "" : "want all or secret, got '" + text + "'";
}

// Each adds its options to the group, of which one at least is needed.
void add_freshness(Command group, SetOptions& options) {
  const Option key =
      group
          .add_option("--freshness-key", options.freshness_key,
                      "Public key file of the online key whose statements keep the policy in force")
          .type_name("FILE");
  const Option age = group
                         .add_option("--freshness-age", options.freshness_age,
                                     "Seconds for which such a statement counts")
                         .type_name("SECONDS");
  key.needs(age);
  age.needs(key);
  group.add_flag("--no-freshness", options.no_freshness, "Want no statements").excludes(key);
}

void add_recovery(Command group, SetOptions& options) {
  const Option threshold = group
                               .add_option("--recovery-threshold", options.recovery.threshold,
                                           "So many holders' shares restore the root")
                               .type_name("K");
  const Option holder =
      group
          .add_list_function(
              "--recovery-holder",
              [&options](const std::string& text) { return take_holder(options, text); },
              "A holder and its X25519 public key in hex; repeated for every holder there is to be")
          .type_name("NAME=HEX")
          .one_value_each();
  threshold.needs(holder);
  holder.needs(threshold);
  group.add_flag("--no-recovery", options.no_recovery, "Have no recovery holders").excludes(holder);
}

void add_numbers(Command group, SetOptions& options) {
  policy::Settings& settings = options.settings;
  const auto add = [&](const char* name, std::optional<std::uint64_t>& number, const char* help) {
    group.add_option(name, number, help).type_name("N");
  };
  add("--document-age", settings.document_max_age_seconds,
      "Seconds for which a live attestation document counts");
  add("--channel-seconds", settings.channel_seconds, "Life of a channel in seconds");
  add("--channel-bytes", settings.channel_bytes, "Life of a channel in bytes");
  add("--channel-records", settings.channel_records, "Life of a channel in records");
  add("--minimum-protocol", settings.minimum_protocol_version,
      "Handshakes of older versions are refused");
  group
      .add_list_function(
          "--maximum-live",
          [&options](const std::string& text) { return take_maximum_live(options, text); },
          "So many enclaves of a role may have live channels at one custodian, or any; may be "
          "repeated")
      .type_name("ROLE=N")
      .one_value_each();
  group
      .add_list_function(
          "--rotation",
          [&options](const std::string& text) { return take_rotation(options, text); },
          "Custodians give these keys a new version every so many seconds, or never; may be "
          "repeated")
      .type_name("PATTERN=SECONDS")
      .one_value_each();
}

struct RenewOptions {
  PolicyFiles files;
  unsigned valid_days = 30;
  bool json = false;
};

ExitStatus run_renew(const RenewOptions& options, const Invocation& invocation) {
  return run_edit(
      "renew", options.files, options.json,
      [&](const OpenPolicy& open) {
        return policy::renew(open.text, now_in_seconds(),
                             std::chrono::hours(24) * options.valid_days);
      },
      invocation);
}

struct NewOperatorOptions {
  PolicyFiles files;
  std::string name;
  std::string key;
  std::vector<std::string> purposes;
  bool json = false;
};

ExitStatus run_add_operator(const NewOperatorOptions& options, const Invocation& invocation) {
  return run_edit(
      "add-operator", options.files, options.json,
      [&](const OpenPolicy& open) -> base::Result<std::string> {
        CONCORDAT_TRY(const auto key, read_public_key_file(options.key));
        return policy::add_operator(open.text, options.name, {key, options.purposes});
      },
      invocation);
}

}  // namespace

void add_policy_set(Command policy, Invocation& invocation) {
  auto options = std::make_shared<SetOptions>();
  const Command set = policy.add_subcommand(
      "set",
      "Change what holds for all: freshness, recovery, the KMS key, audit, rotation, limits");
  add_policy_files(set, options->files);
  const Command group = set.add_option_group("Settings", "At least one of these");
  add_freshness(group, *options);
  add_recovery(group, *options);
  group
      .add_option("--kms-key", options->settings.kms_key_arn,
                  "ARN of the KMS key that seals the next root; those that are pinned keep theirs")
      .type_name("ARN");
  group
      .add_option_function(
          "--audited-uses",
          [options](const std::string& text) { return take_audited_uses(*options, text); },
          "Which uses have an entry in the audit log: all, or secret (not verify, public, random)")
      .type_name("LEVEL");
  group
      .add_option("--current-root", options->settings.current_root,
                  "This pinned generation must have taken over (root rotate)")
      .type_name("N");
  group
      .add_option("--retire-root", options->settings.retired_root,
                  "This generation is pinned no longer (root retire)")
      .type_name("N");
  add_numbers(group, *options);
  group.require_option(1, 0);
  set.add_flag("--json", options->json, "Print one JSON object");
  set.footer(
      "Examples:\n"
      "  concordat policy set --freshness-key online.key.pub --freshness-age 600\n"
      "  concordat policy set --maximum-live payments=4 --channel-seconds 900\n"
      "  concordat policy set --audited-uses secret\n"
      "  concordat policy set --rotation 'payments/*=7776000'\n"
      "  concordat policy set --recovery-threshold 2 --recovery-holder erin=HEX \\\n"
      "      --recovery-holder frank=HEX --recovery-holder grace=HEX\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(set, invocation, [options, &invocation] { return run_set(*options, invocation); });
}

void add_policy_renew(Command policy, Invocation& invocation) {
  auto options = std::make_shared<RenewOptions>();
  const Command renew = policy.add_subcommand("renew", "Let the policy be valid from now on, anew");
  add_policy_files(renew, options->files);
  renew.add_option("--valid-days", options->valid_days, "How long it is valid, at most 90")
      .range(1, 90)
      .capture_default_str();
  renew.add_flag("--json", options->json, "Print one JSON object");
  renew.footer(
      "What the policy grants is granted for as long again: look at it before you sign.\n"
      "Examples:\n"
      "  concordat policy renew\n"
      "  concordat policy renew --valid-days 7 --json\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(renew, invocation, [options, &invocation] { return run_renew(*options, invocation); });
}

void add_policy_add_operator(Command policy, Invocation& invocation) {
  auto options = std::make_shared<NewOperatorOptions>();
  const Command add = policy.add_subcommand(
      "add-operator", "Let a person or service that is no enclave ask for purposes");
  add_policy_files(add, options->files);
  add.add_option("NAME", options->name, "Name of the operator").required();
  add.add_option("--key", options->key, "Public key file (keygen's FILE.pub)")
      .type_name("FILE")
      .required();
  add.add_option("--purpose", options->purposes, "What it may ask for; may be repeated")
      .type_name("PURPOSE")
      .one_value_each()
      .required();
  add.add_flag("--json", options->json, "Print one JSON object");
  add.footer(
      "Adds purposes where there is an operator of that name and key. `revoke --operator` takes "
      "one out.\n"
      "\"admin\" is what `concordat status` and `keys` ask custodians by; the first operator "
      "brings it "
      "about.\n"
      "Example:\n"
      "  concordat policy add-operator dana --key dana.key.pub --purpose admin\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(add, invocation,
            [options, &invocation] { return run_add_operator(*options, invocation); });
}

}  // namespace concordat::cli
