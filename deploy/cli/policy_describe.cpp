// concordat policy describe
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "policy/describe.hpp"
#include "policy/dsse.hpp"

namespace concordat::cli {
namespace {

using nlohmann::ordered_json;
using policy::Description;
using policy::Model;

struct Options {
  std::string file = PolicyFiles().policy;
  std::optional<std::string> authority;
  bool json = false;
};

struct Described {
  policy::PolicyFile file;
  std::optional<attest::AuthorityDescriptor> authority;
};

base::Result<Described> read(const Options& options) {
  Described out;
  CONCORDAT_TRY(out.file, read_any_policy(options.file));
  if (options.authority) {
    CONCORDAT_TRY(out.authority, read_authority_file(*options.authority));
  }
  return out;
}

ordered_json pins_json(const std::optional<std::vector<policy::Pin>>& pins) {
  if (!pins) return "any";
  ordered_json out = ordered_json::array();
  for (const policy::Pin& pin : *pins)
    out.push_back({{"text", pin.text}, {"value", pin.value.hex()}});
  return out;
}

ordered_json limit_json(const std::optional<std::uint64_t>& limit, const char* none) {
  return limit ? ordered_json(*limit) : ordered_json(none);
}

ordered_json to_json(const policy::Grant& grant) {
  ordered_json operations = ordered_json::array();
  for (const policy::Operation operation : grant.operations)
    operations.push_back(to_string(operation));
  return {{"keys", grant.keys},
          {"operations", std::move(operations)},
          {"use_limit", limit_json(grant.use_limit, "none")},
          {"expires", grant.expires ? base::format_rfc3339(*grant.expires) : "never"}};
}

ordered_json to_json(const policy::RoleSummary& role) {
  ordered_json grants = ordered_json::array();
  for (const policy::Grant* const grant : role.grants)
    grants.push_back(to_json(*grant));
  return {{"name", role.name},
          {"custodian", role.is_custodian},
          {"images", role.images},
          {"accounts", pins_json(role.role->accounts)},
          {"instances", pins_json(role.role->instances)},
          {"maximum_live", limit_json(role.role->maximum_live, "any")},
          {"asks", role.asks},
          {"answers", role.answers},
          {"grants", std::move(grants)}};
}

ordered_json to_json(const policy::Conversation& c) {
  return {{"purpose", c.purpose}, {"ask", c.ask}, {"operators", c.operators}, {"answer", c.answer}};
}

template <class List>
ordered_json list_json(const List& list) {
  ordered_json out = ordered_json::array();
  for (const auto& entry : list)
    out.push_back(to_json(entry));
  return out;
}

ordered_json root_json(const Model& model) {
  ordered_json generations = ordered_json::array();
  for (const policy::RootGeneration& root : model.root_generations) {
    generations.push_back({{"generation", root.generation},
                           {"current", root.current},
                           {"commitment", base::to_hex(root.commitment)}});
    if (root.kms_key_arn) generations.back()["kms_key_arn"] = *root.kms_key_arn;
  }
  return {{"kms_key_arn", model.kms_key_arn.value_or("none")},
          {"generations", std::move(generations)}};
}

ordered_json recovery_json(const Model& model) {
  if (!model.recovery) return "none";
  ordered_json holders = ordered_json::array();
  for (const auto& [name, key] : model.recovery->holders)
    holders.push_back({{"name", name}, {"key", key.hex()}});
  return {{"threshold", model.recovery->threshold}, {"holders", std::move(holders)}};
}

ordered_json freshness_json(const Model& model) {
  if (!model.freshness) return "none";
  return {{"key", model.freshness->key.hex()},
          {"max_age_seconds", model.freshness->max_age_seconds}};
}

ordered_json rotation_json(const Model& model) {
  ordered_json out = ordered_json::array();
  for (const auto& [keys, rotation] : model.rotation)
    out.push_back({{"keys", keys}, {"every_seconds", rotation.every_seconds}});
  return out;
}

ordered_json operators_json(const Model& model) {
  ordered_json out = ordered_json::array();
  for (const auto& [name, entry] : model.operators)
    out.push_back({{"name", name}, {"key", entry.key.hex()}, {"purposes", entry.purposes}});
  return out;
}

ordered_json sessions_json(const Model& model) {
  ordered_json out = ordered_json::array();
  for (const auto& [name, rule] : model.sessions) {
    ordered_json realms = ordered_json::array();
    for (const auto& [realm, entry] : rule.realms) {
      ordered_json roles = ordered_json::array();
      for (const auto& [role, evidence] : entry.roles) {
        ordered_json images = ordered_json::array();
        for (const std::uint32_t index : evidence.images)
          images.push_back(model.images[index].name);
        roles.push_back({{"name", role},
                         {"images", std::move(images)},
                         {"accounts", pins_json(evidence.accounts)},
                         {"instances", pins_json(evidence.instances)}});
      }
      realms.push_back(
          {{"name", realm}, {"authority", entry.authority.hex()}, {"roles", std::move(roles)}});
    }
    out.push_back({{"name", name},
                   {"id", rule.id},
                   {"protocol", rule.protocol},
                   {"own_roles", rule.own_roles},
                   {"runs_per_input", limit_json(rule.runs_per_input, "any")},
                   {"realms", std::move(realms)}});
  }
  return out;
}

ordered_json to_json(const Description& description, const Described& described,
                     base::UnixMillis now) {
  const Model& model = *description.model;
  ordered_json out = {{"realm", model.realm},
                      {"serial", model.serial},
                      {"digest", described.file.digest.hex()},
                      {"not_before", base::format_rfc3339(model.valid_from)},
                      {"not_after", base::format_rfc3339(model.valid_until)},
                      {"state", state_at(model, now)},
                      {"authority", model.authority.hex()},
                      {"freshness", freshness_json(model)},
                      {"audited_uses", to_string(model.audited_uses)},
                      {"conversations", list_json(description.conversations)},
                      {"roles", list_json(description.roles)},
                      {"rotation", rotation_json(model)},
                      {"root", root_json(model)},
                      {"recovery", recovery_json(model)},
                      {"operators", operators_json(model)},
                      {"sessions", sessions_json(model)},
                      {"limits",
                       {{"minimum_protocol_version", model.minimum_protocol_version},
                        {"document_max_age_seconds", model.document_max_age_seconds},
                        {"channel_seconds", model.channel_life.seconds},
                        {"channel_bytes", model.channel_life.bytes},
                        {"channel_records", model.channel_life.records}}}};
  if (!described.authority) return out;
  out["running_authority"] = cli::to_json(*described.authority);
  out["redo"] = redo_json(described.authority->digest(), model.authority);
  return out;
}

// Whose signatures count, or else what it takes until they do.
std::string authority_text(const Described& described) {
  if (!described.authority) return {};
  const attest::AuthorityDescriptor& authority = *described.authority;
  if (authority.digest() == described.file.model.authority) {
    return "\nauthority\n  epoch " + std::to_string(authority.epoch()) + ", " +
           std::to_string(authority.threshold()) + " of " +
           std::to_string(authority.signers().size()) + " signers sign\n";
  }
  return "\nthe policy is for another authority than " + authority.digest().hex() + "\n" +
         redo_text(authority.digest(), described.file.model.authority);
}

ExitStatus run_describe(const Options& options, const Invocation& invocation) {
  const auto described = read(options);
  if (!described) return answer_failure(invocation, options.json, "describe", described.error());
  const policy::PolicyFile& file = described->file;
  const base::UnixMillis now = base::system_wall_clock();
  const Description description = policy::describe(file.model);
  const char* const note =
      file.is_envelope ? "signed, by whom was not looked at (`verify` does)\n" : "not signed\n";
  return answer(invocation, options.json, to_json(description, *described, now),
                policy::to_text(description, now) + authority_text(*described) + "\ndigest " +
                    file.digest.hex() + "; " + note);
}

}  // namespace

void add_policy_describe(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command describe = policy.add_subcommand(
      "describe", "Say in words who may talk to whom, and who gets which keys");
  describe.add_option("FILE", options->file, "Policy file, or a signed one; - is standard input")
      .capture_default_str();
  describe
      .add_option("--authority", options->authority,
                  "Descriptor of the authority that enclaves run under: says what must be done "
                  "again where the policy is for another")
      .type_name("FILE");
  describe.add_flag("--json", options->json, "Print one JSON object");
  describe.footer(
      "Examples:\n"
      "  concordat policy describe\n"
      "  concordat policy describe policy.signed.json --json\n"
      "  concordat policy describe next.json --authority authority.cbor\n"
      "Exit status: 0 described, 2 not a policy, 1 usage or input/output error.");
  on_chosen(describe, invocation,
            [options, &invocation] { return run_describe(*options, invocation); });
}

}  // namespace concordat::cli
