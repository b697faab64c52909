// concordat policy revoke
#include "policy/revoke.hpp"

#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_consequences.hpp"

namespace concordat::cli {
namespace {

struct Options {
  PolicyFiles files;
  policy::Revocation revocation;
  ConsequenceOptions consequences;
  bool json = false;
};

struct Revoked {
  Edited edited;
  Consequences consequences;
  std::vector<policy::StillAdmitted> still;
  std::vector<policy::Emptied> emptied;
};

base::Result<Revoked> revoke(const Options& options) {
  CONCORDAT_TRY(const ConsequenceFiles older, read_files(options.consequences));
  CONCORDAT_TRY(Edited edited, edit_policy(options.files, [&](const OpenPolicy& open) {
                  return policy::revoke(open.text, options.revocation);
                }));
  Consequences consequences = consequences_of(edited, older);
  auto still = policy::still_admitted(edited.before.model, edited.after.model, options.revocation);
  auto emptied = policy::emptied(edited.before.model, edited.after.model);
  return Revoked{std::move(edited), std::move(consequences), std::move(still), std::move(emptied)};
}

ExitStatus run_revoke(const Options& options, const Invocation& invocation) {
  const auto revoked = revoke(options);
  if (!revoked) return answer_failure(invocation, options.json, "revoke", revoked.error());
  nlohmann::ordered_json still = nlohmann::ordered_json::array();
  std::string text;
  for (const policy::StillAdmitted& entry : revoked->still) {
    still.push_back({{"what", entry.what}, {"role", entry.role}, {"why", entry.why}});
    text +=
        "STILL ADMITTED: " + entry.what + " in role " + entry.role + ", which " + entry.why + "\n";
  }
  nlohmann::ordered_json emptied = nlohmann::ordered_json::array();
  for (const policy::Emptied& entry : revoked->emptied) {
    emptied.push_back({{"role", entry.role}, {"lists_no", entry.what}});
    text += "NOBODY IS LEFT: role " + entry.role + " lists no " + entry.what +
            " any more, and that does not mean any\n";
  }
  nlohmann::ordered_json fields = to_json(revoked->consequences);
  fields["nobody_left"] = std::move(emptied);
  fields["still_admitted"] = std::move(still);
  return answer_edit(invocation, options.json, options.files, revoked->edited, std::move(fields),
                     to_text(revoked->consequences) + text);
}

}  // namespace

void add_policy_revoke(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command revoke = policy.add_subcommand(
      "revoke", "Take an image, account, instance, role or operator out of the policy");
  add_policy_files(revoke, options->files);
  const Command what =
      revoke.add_option_group("What", "At least one of these; each may be repeated");
  const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* type,
                            const char* help) {
    what.add_option(name, list, help).type_name(type).one_value_each();
  };
  policy::Revocation& revocation = options->revocation;
  add_list("--image", revocation.images, "NAME", "Image, out of every role that lists it");
  add_list("--account", revocation.accounts, "ARN",
           "Account: IAM role ARN of the parent instance, or 96 hex digits");
  add_list("--instance", revocation.instances, "ID",
           "Instance: id of the parent instance, or 96 hex digits");
  add_list("--role", revocation.roles, "ROLE",
           "Role, with its purposes and grants, and images that no other role lists");
  add_list("--operator", revocation.operators, "NAME", "Operator");
  what.require_option(1, 0);
  revoke
      .add_option("--from", revocation.from_role,
                  "Take images, accounts and instances out of this role alone")
      .type_name("ROLE");
  add_consequence_options(revoke, options->consequences);
  revoke.add_flag("--json", options->json, "Print one JSON object");
  revoke.footer(
      "Says what changes for whom, which keys to rotate, and when the revocation is final: an\n"
      "enclave from which the new policy is withheld obeys the older one until that ends, or "
      "until\n"
      "its freshness statement ages out. The last pin that goes leaves [], which admits nobody.\n"
      "Examples:\n"
      "  concordat policy revoke --image worker-1.3\n"
      "  concordat policy revoke --instance i-0123456789abcdef0 --from payments\n"
      "  concordat policy revoke --operator dana --in-force policy.signed.json\n"
      "  concordat policy revoke --image worker-1.3 --released report.json --json\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(revoke, invocation,
            [options, &invocation] { return run_revoke(*options, invocation); });
}

}  // namespace concordat::cli
