// concordat policy grant | ungrant
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_consequences.hpp"
#include "deploy/cli/policy_report.hpp"
#include "policy/edit_grants.hpp"

namespace concordat::cli {
namespace {

struct GrantOptions {
  PolicyFiles files;
  std::string role;
  std::string operations;
  policy::NewGrant grant;
  bool json = false;
};

ExitStatus run_grant(const GrantOptions& options, const Invocation& invocation) {
  policy::NewGrant grant = options.grant;
  grant.operations = split_at_commas(options.operations);
  const auto edited = edit_policy(options.files, [&](const OpenPolicy& open) {
    return policy::grant(open.text, options.role, grant);
  });
  if (!edited) return answer_failure(invocation, options.json, "grant", edited.error());
  const auto changes = policy::diff(edited->before.model, edited->after.model);
  return answer_edit(invocation, options.json, options.files, *edited,
                     {{"changes", to_json(changes)}}, to_text(changes));
}

struct UngrantOptions {
  PolicyFiles files;
  std::string role;
  std::string keys;
  std::string operations;
  ConsequenceOptions consequences;
  bool json = false;
};

struct Ungranted {
  Edited edited;
  Consequences consequences;
};

base::Result<Ungranted> ungrant(const UngrantOptions& options) {
  CONCORDAT_TRY(const ConsequenceFiles older, read_files(options.consequences));
  const auto operations =
      options.operations.empty() ? std::vector<std::string>() : split_at_commas(options.operations);
  CONCORDAT_TRY(Edited edited, edit_policy(options.files, [&](const OpenPolicy& open) {
                  return policy::ungrant(open.text, options.role, options.keys, operations);
                }));
  Consequences consequences = consequences_of(edited, older);
  return Ungranted{std::move(edited), std::move(consequences)};
}

ExitStatus run_ungrant(const UngrantOptions& options, const Invocation& invocation) {
  const auto ungranted = ungrant(options);
  if (!ungranted) return answer_failure(invocation, options.json, "ungrant", ungranted.error());
  return answer_edit(invocation, options.json, options.files, ungranted->edited,
                     to_json(ungranted->consequences), to_text(ungranted->consequences));
}

}  // namespace

void add_policy_grant(Command policy, Invocation& invocation) {
  auto options = std::make_shared<GrantOptions>();
  const Command grant = policy.add_subcommand("grant", "Let a role use keys");
  add_policy_files(grant, options->files);
  grant.add_option("ROLE", options->role, "The role").required();
  grant.add_option("PATTERN", options->grant.keys, "Key name, 'payments/*' or '*'").required();
  grant
      .add_option("OPERATIONS", options->operations,
                  "Joined by commas: get, sign, verify, encrypt, decrypt, wrap, unwrap, mac, "
                  "derive, random, public")
      .required();
  grant.add_option("--use-limit", options->grant.use_limit, "So many uses in all; default: none")
      .type_name("N");
  add_time(grant, "--expires", options->grant.expires,
           "Not granted from then on (RFC 3339); default: never");
  grant.add_flag("--json", options->json, "Print one JSON object");
  grant.footer(
      "Added to a grant of the same keys and expiry that has no limit; otherwise a grant of its "
      "own.\n"
      "Examples:\n"
      "  concordat policy grant payments 'payments/*' get,sign\n"
      "  concordat policy grant audit payments/card verify --expires 2027-01-01T00:00:00Z\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(grant, invocation, [options, &invocation] { return run_grant(*options, invocation); });
}

void add_policy_ungrant(Command policy, Invocation& invocation) {
  auto options = std::make_shared<UngrantOptions>();
  const Command ungrant = policy.add_subcommand("ungrant", "Take keys from a role");
  add_policy_files(ungrant, options->files);
  ungrant.add_option("ROLE", options->role, "The role").required();
  ungrant.add_option("PATTERN", options->keys, "Keys, as the grant has them").required();
  ungrant.add_option("OPERATIONS", options->operations,
                     "Joined by commas; default: all that are granted");
  add_consequence_options(ungrant, options->consequences);
  ungrant.add_flag("--json", options->json, "Print one JSON object");
  ungrant.footer(
      "Takes from grants of exactly this pattern; what another pattern grants stays, and is said.\n"
      "Says which keys to rotate and when it is final, as `revoke` does.\n"
      "Examples:\n"
      "  concordat policy ungrant payments 'payments/*' get\n"
      "  concordat policy ungrant reports reports/daily --released report.json\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(ungrant, invocation,
            [options, &invocation] { return run_ungrant(*options, invocation); });
}

}  // namespace concordat::cli
