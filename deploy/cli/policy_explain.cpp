// concordat policy explain
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "policy/evaluate.hpp"
#include "policy/grants.hpp"
#include "policy/names.hpp"

namespace concordat::cli {
namespace {

using policy::Evaluation;
using policy::Requirement;
using policy::Side;

struct Options {
  PolicyFiles files;
  std::string document;
  std::optional<std::string> role;
  std::optional<std::string> purpose;
  std::optional<std::string> my_role;
  std::optional<std::string> key;
  policy::Operation operation{};
  std::optional<std::string> session, protocol, realm;  // all or none
  std::string lab_root;
  bool json = false;
};

struct Explained {
  std::string role;
  Evaluation evaluation;
  std::optional<base::Result<policy::Grant>> grant;  // when it was asked for
  bool is_audited = true;                            // what was granted, each time
};

// With a purpose: the role on the side that policy lists it on, asked by a role of the other side.
Evaluation explain_purpose(const Options& options, const policy::Model& model,
                           const std::string& role, const attest::VerifiedClaims& claims) {
  policy::Question question{{}, role, *options.purpose, Side::initiator};
  if (const policy::Purpose* const purpose = model.purpose(*options.purpose)) {
    if (std::ranges::find(purpose->responder, role) != purpose->responder.end()) {
      question.peer_side = Side::responder;
    }
    const auto& others =
        question.peer_side == Side::responder ? purpose->initiator : purpose->responder;
    if (!others.empty()) question.my_role = others.front();
  }
  if (options.my_role) question.my_role = *options.my_role;
  return evaluate(model, question, claims, attest::authority_pcr16(model.authority));
}

// A party of a session, by the rule alone: under the authority that policy names for its realm.
Explained explain_party(const Options& options, const policy::Model& model,
                        const attest::VerifiedClaims& claims) {
  policy::PartyQuestion question;
  question.session = *options.session;
  question.protocol = *options.protocol;
  question.realm = *options.realm;
  question.role = *options.role;
  question.authority = model.authority;
  const policy::SessionRule* const rule =
      policy::session_rule(model, question.session, question.protocol);
  if (rule != nullptr) {
    const auto realm = rule->realms.find(question.realm);
    if (realm != rule->realms.end()) question.authority = realm->second.authority;
    if (!rule->own_roles.empty()) question.my_role = rule->own_roles.front();
  }
  if (options.my_role) question.my_role = *options.my_role;
  return {*options.role,
          evaluate_party(model, question, &claims, attest::authority_pcr16(model.authority)),
          std::nullopt};
}

std::vector<Explained> explain(const Options& options, const policy::Model& model,
                               const attest::VerifiedClaims& claims) {
  if (options.session) return {explain_party(options, model, claims)};
  std::vector<std::string> roles;
  if (options.role) {
    roles.push_back(*options.role);
  } else {
    for (const auto& [name, role] : model.roles)
      roles.push_back(name);
  }
  std::vector<Explained> out;
  for (const std::string& role : roles) {
    out.push_back({role,
                   options.purpose ? explain_purpose(options, model, role, claims)
                                   : evaluate_role(model, role, claims,
                                                   attest::authority_pcr16(model.authority)),
                   std::nullopt});
    if (options.key) {
      out.back().grant =
          explain_grant(model, role, *options.key, options.operation, base::system_wall_clock());
      out.back().is_audited = is_audited(model.audited_uses, to_string(options.operation));
    }
  }
  return out;
}

nlohmann::ordered_json to_json(const Explained& explained) {
  const Evaluation& evaluation = explained.evaluation;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Requirement& requirement : evaluation.requirements) {
    list.push_back({{"subject", requirement.subject},
                    {"wanted", requirement.wanted},
                    {"found", requirement.found},
                    {"met", requirement.met}});
  }
  nlohmann::ordered_json out = {{"role", explained.role},
                                {"verdict", evaluation.verdict ? "admit" : "refuse"}};
  if (evaluation.verdict) {
    out["image"] = evaluation.image;
  } else {
    out["code"] = evaluation.verdict.error().name();
    out["reason"] = evaluation.verdict.error().to_string();
  }
  out["requirements"] = std::move(list);
  if (!explained.grant) return out;
  const auto& grant = *explained.grant;
  out["grant"] = grant ? nlohmann::ordered_json{{"granted", true},
                                                {"keys", grant->keys},
                                                {"audited", explained.is_audited}}
                       : nlohmann::ordered_json{{"granted", false},
                                                {"code", grant.error().name()},
                                                {"reason", grant.error().to_string()}};
  return out;
}

std::string reason(const base::Error& error) {
  return error.to_string() + " [" + std::string(error.name()) + "]\n";
}

std::string to_text(const Explained& explained) {
  const Evaluation& evaluation = explained.evaluation;
  std::string out = "role " + explained.role + "\n";
  for (const Requirement& requirement : evaluation.requirements) {
    out += std::string(requirement.met ? "  ok   " : "  FAIL ") + requirement.subject +
           "\n         wanted " + requirement.wanted + "\n         found  " + requirement.found +
           "\n";
  }
  out += evaluation.verdict ? "  admitted as image " + evaluation.image + "\n"
                            : "  refused: " + reason(evaluation.verdict.error());
  if (!explained.grant) return out;
  const auto& grant = *explained.grant;
  if (!grant) return out + "  refused: " + reason(grant.error());
  return out + "  granted by " + grant->keys +
         (explained.is_audited ? ", with an entry in the audit log\n"
                               : ", without an entry in the audit log\n");
}

// Admitted and, where a key was asked for, granted.
bool is_allowed(const Explained& explained) {
  return explained.evaluation.verdict && (!explained.grant || explained.grant->has_value());
}

ExitStatus run_explain(const Options& options, const Invocation& invocation) {
  const auto open = open_policy(options.files);
  if (!open) return answer_failure(invocation, options.json, "explain", open.error());
  const auto claims = read_claims(options.document, options.lab_root);
  if (!claims) return answer_failure(invocation, options.json, "document", claims.error());
  const auto explained = explain(options, open->model, *claims);
  const bool admitted = std::ranges::any_of(explained, is_allowed);
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Explained& e : explained)
      list.push_back(to_json(e));
    const nlohmann::ordered_json out = {{"ok", admitted},
                                        {"module_id", claims->module_id()},
                                        {"timestamp_ms", claims->timestamp().value},
                                        {"roles", std::move(list)}};
    print_json(invocation, out);
  } else {
    invocation.out << "document of " << policy::quote(claims->module_id()) << ", made at "
                   << base::format_rfc3339(claims->timestamp())
                   << ", verified as of then (an enclave also wants it fresh)\n";
    for (const Explained& e : explained)
      invocation.out << to_text(e);
    if (explained.empty()) invocation.out << "policy names no role\n";
  }
  return admitted ? ExitStatus::done : ExitStatus::refused;
}

}  // namespace

void add_policy_explain(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command explain = policy.add_subcommand(
      "explain", "Say what policy wants of a document's enclave, what was found, and the verdict");
  add_policy_files(explain, options->files);
  explain
      .add_option("--document", options->document,
                  "Attestation document: raw CBOR, base64 or hex; - is standard input")
      .type_name("FILE")
      .required();
  const Option role =
      explain.add_option("--role", options->role, "The role that it claims; default: every role")
          .type_name("ROLE");
  const Option purpose =
      explain.add_option("--purpose", options->purpose, "What it is asked for or asks for")
          .type_name("PURPOSE");
  explain
      .add_option("--my-role", options->my_role,
                  "The role that asks; default: the first that the purpose or session lists")
      .type_name("ROLE");
  const Option key = explain.add_option("--key", options->key, "A key that it asks for, by name")
                         .type_name("NAME");
  const Option operation = explain
                               .add_option_function(
                                   "--operation",
                                   [options](const std::string& text) {
                                     const auto known = policy::operation_named(text);
                                     if (!known) return "no operation " + text;
                                     options->operation = *known;
                                     return std::string();
                                   },
                                   "What it wants to do with the key: get, sign, ...")
                               .type_name("OPERATION");
  const Option session =
      explain
          .add_option("--session", options->session, "The id of a session of which it is a party")
          .type_name("ID")
          .excludes(purpose)
          .excludes(key)
          .needs(role);
  const Option protocol =
      explain.add_option("--protocol", options->protocol, "The session's protocol")
          .type_name("PROTOCOL")
          .needs(session);
  const Option realm = explain.add_option("--realm", options->realm, "The party's realm")
                           .type_name("REALM")
                           .needs(session);
  session.needs(protocol).needs(realm);
  key.needs(operation);
  operation.needs(key);
  add_lab_root(explain, invocation, options->lab_root);
  explain.add_flag("--json", options->json, "Print one JSON object");
  explain.footer(
      "Examples:\n"
      "  concordat policy explain --document refused.cbor\n"
      "  concordat policy explain --document refused.cbor --role custodian --purpose keys --json\n"
      "  concordat policy explain --document worker.cbor --role payments --key payments/card \\\n"
      "      --operation sign\n"
      "  concordat policy explain --document from-b.cbor --session sums/2026-11 \\\n"
      "      --protocol aggregate/1 --realm bank-b.example --role analyst\n"
      "Exit status: 0 admitted in a role (and granted the key), 2 refused, 1 usage or input/output "
      "error.");
  on_chosen(explain, invocation,
            [options, &invocation] { return run_explain(*options, invocation); });
}

}  // namespace concordat::cli
