// concordat policy freshness sign | serve
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/end_signals.hpp"
#include "deploy/cli/key_file.hpp"
#include "deploy/cli/policy_push.hpp"
#include "policy/limits.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::Status;
using policy::SigningKey;

struct Options {
  PolicyFiles files{.policy = "policy.signed.json", .authority = "authority.cbor"};
  KeyFile key;
  std::string out = "policy.freshness.json";
  std::vector<std::string> parents;
  unsigned every = 60;  // seconds
  bool once = false;
  bool json = false;
};

struct Statement {
  std::string content;
  std::uint64_t serial = 0;
  base::UnixMillis time;
};

// Only of a policy that enclaves would take now, and only with the key that it names: whatever else
// was signed would be refused by all of them.
Result<Statement> make_statement(const Options& options, const SigningKey& key) {
  CONCORDAT_TRY(const auto authority, read_authority(options.files));
  CONCORDAT_TRY(const base::Bytes envelope,
                base::read_file(options.files.policy, policy::limits::kEnvelopeBytes));
  const base::UnixMillis now = base::system_wall_clock();
  CONCORDAT_TRY(const policy::PolicyPtr policy,
                policy::SignedPolicy::verify(envelope, authority, now));
  CONCORDAT_TRY(const policy::Envelope statement, policy::sign_freshness(*policy, now, key));
  const base::Bytes made = statement.encode();
  CONCORDAT_CHECK(policy::FreshnessStatement::verify(made, *policy, now));
  return Statement{std::string(base::as_text(made)), policy->serial(), now};
}

ExitStatus run_sign(const Options& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_failure(invocation, options.json, "freshness sign", error);
  };
  if (const Status hardened = base::harden_process(); !hardened) return refuse(hardened.error());
  const auto key = open_key(options.key);
  if (!key) return refuse(key.error());
  const auto statement = make_statement(options, *key);
  if (!statement) return refuse(statement.error());
  const auto written = base::write_file(options.out, base::as_bytes(statement->content));
  if (!written) return refuse(written.error());
  const std::string time = base::format_rfc3339(statement->time);
  return answer(invocation, options.json,
                {{"serial", statement->serial}, {"time", time}, {"file", options.out}},
                "serial " + std::to_string(statement->serial) + " was the newest at " + time +
                    ": " + options.out + "\n");
}

// One round: sign the policy file as it is now, hand the statement to every parent, say what
// happened. A parent that has another policy says so itself.
ExitStatus one_round(const Options& options, const Invocation& invocation, const SigningKey& key,
                     const std::vector<peer::Endpoint>& parents) {
  const auto statement = make_statement(options, key);
  if (!statement) {
    return answer_failure(invocation, options.json, "freshness serve", statement.error());
  }
  const auto pushed = push_to_all(invocation, parents, "/v1/freshness", statement->content, false);
  return report_pushed(invocation, options.json, "freshness serve",
                       "serial " + std::to_string(statement->serial) + " at " +
                           base::format_rfc3339(statement->time),
                       pushed);
}

ExitStatus run_serve(const Options& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_failure(invocation, options.json, "freshness serve", error);
  };
  const EndSignals signals;
  if (const Status hardened = base::harden_process(); !hardened) return refuse(hardened.error());
  const auto parents = operator_endpoints(options.parents);
  if (!parents) return fail(invocation, "freshness serve", parents.error());
  const auto key = open_key(options.key);
  if (!key) return refuse(key.error());
  for (;;) {
    const ExitStatus status = one_round(options, invocation, *key, *parents);
    invocation.out.flush();
    if (options.once) return status;
    // Whatever went wrong, the next round may go well: parents come back, files are replaced.
    if (signals.wait(std::chrono::seconds(options.every))) return ExitStatus::done;
  }
}

void add_common(Command command, Options& options) {
  command.add_option("--policy", options.files.policy, "Signed policy (DSSE envelope)")
      .type_name("FILE")
      .capture_default_str();
  command.add_option("--authority", options.files.authority, "Authority descriptor")
      .type_name("FILE")
      .capture_default_str();
  add_key_options(command, options.key, "Secret key file of the policy's freshness key (keygen)");
  command.add_flag("--json", options.json, "Print one JSON object a round");
}

void add_sign(Command group, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command sign = group.add_subcommand("sign", "Sign one statement into a file");
  add_common(sign, *options);
  sign.add_option("--out", options->out, "Where to write the statement")
      .type_name("FILE")
      .capture_default_str();
  sign.footer(
      "Example:\n"
      "  concordat policy freshness sign --key online.key --out now.json\n"
      "Exit status: 0 signed, 2 refused, 1 usage or input/output error.");
  on_chosen(sign, invocation, [options, &invocation] { return run_sign(*options, invocation); });
}

void add_serve(Command group, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command serve =
      group.add_subcommand("serve", "Sign anew and push to parents again and again, until SIGTERM");
  add_common(serve, *options);
  serve
      .add_option("--parent", options->parents,
                  "Operator endpoint of a parent, unix:/PATH or tcp:HOST:PORT; may be repeated")
      .type_name("ENDPOINT")
      .required();
  serve
      .add_option("--every", options->every,
                  "Seconds between statements; a third of the policy's max_age_seconds is good")
      .type_name("SECONDS")
      .range(1U, 86'400U)
      .capture_default_str();
  serve.add_flag("--once", options->once, "One round only");
  serve.footer(
      "Each round reads the policy file again: replace it, and push it, and the next statement is\n"
      "for the new one. What goes wrong is said and tried again in the next round.\n"
      "Example:\n"
      "  concordat policy freshness serve --key online.key --policy policy.signed.json \\\n"
      "      --parent unix:/run/concordat/operator.sock --every 60\n"
      "Exit status: 0 ended by SIGTERM, or with --once all parents took it; 2 refused; 1 usage or\n"
      "input/output error.");
  on_chosen(serve, invocation, [options, &invocation] { return run_serve(*options, invocation); });
}

}  // namespace

void add_policy_freshness(Command policy, Invocation& invocation) {
  const Command group = policy.add_subcommand(
      "freshness", "Say, with an online key, that a policy is still the newest");
  group.require_known_subcommand();
  group.footer(
      "A policy that names a freshness key is obeyed only while a statement of that key, for "
      "exactly\n"
      "this policy, is younger than the policy says. The key can do nothing else.");
  add_sign(group, invocation);
  add_serve(group, invocation);
}

}  // namespace concordat::cli
