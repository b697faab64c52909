// concordat policy push
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_push.hpp"
#include "policy/dsse.hpp"
#include "policy/errc.hpp"
#include "policy/limits.hpp"
#include "policy/parse.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using nlohmann::ordered_json;

struct Options {
  std::string policy = "policy.signed.json";
  std::string freshness;
  std::vector<std::string> parents;
  bool force = false;
  bool json = false;
};

// Read here too, so that a file that nobody could take is noticed before it goes anywhere.
Result<policy::Model> read_signed(const std::string& file, std::string& content) {
  CONCORDAT_TRY(const base::Bytes bytes, base::read_file(file, policy::limits::kEnvelopeBytes));
  CONCORDAT_TRY(const policy::Envelope envelope, policy::Envelope::parse(bytes));
  if (envelope.payload_type != policy::kPolicyPayloadType) {
    return Error(policy::SignatureErrc::wrong_payload_type, file);
  }
  content = base::as_text(bytes);
  return policy::load_policy(base::as_text(envelope.payload));
}

ExitStatus push(const Options& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_failure(invocation, options.json, "push", error);
  };
  std::string content, statement;
  const auto model = read_signed(options.policy, content);
  if (!model) return refuse(model.error());
  if (!options.freshness.empty()) {
    const auto bytes = base::read_file(options.freshness, policy::limits::kStatementBytes);
    if (!bytes) return refuse(bytes.error());
    statement = base::as_text(*bytes);
  }
  const auto parents = operator_endpoints(options.parents);
  if (!parents) return fail(invocation, "push", parents.error());
  std::vector<Pushed> results =
      push_to_all(invocation, *parents, "/v1/policy", content, options.force);
  if (!statement.empty()) {
    const auto after = push_to_all(invocation, *parents, "/v1/freshness", statement, options.force);
    results.insert(results.end(), after.begin(), after.end());
  }
  return report_pushed(invocation, options.json, "push", "serial " + std::to_string(model->serial),
                       results);
}

}  // namespace

Result<std::vector<peer::Endpoint>> operator_endpoints(const std::vector<std::string>& texts) {
  std::vector<peer::Endpoint> out;
  for (const std::string& text : texts) {
    CONCORDAT_TRY(peer::Endpoint endpoint, operator_endpoint(text));
    out.push_back(std::move(endpoint));
  }
  return out;
}

std::vector<Pushed> push_to_all(const Invocation& invocation,
                                const std::vector<peer::Endpoint>& parents, const std::string& path,
                                const std::string& body, bool force) {
  std::vector<Pushed> out;
  for (const peer::Endpoint& parent : parents) {
    const auto answer = ask_parent(invocation.call_parent, parent,
                                   {"PUT", path + (force ? "?force=true" : ""), body});
    Pushed pushed{peer::to_string(parent), path.substr(path.rfind('/') + 1), 0, {}};
    if (answer) {
      pushed.told = answer->value("told", std::uint64_t{0});
    } else {
      pushed.outcome = answer.error();
    }
    out.push_back(std::move(pushed));
  }
  return out;
}

ExitStatus report_pushed(const Invocation& invocation, bool json, std::string_view command,
                         const std::string& what, const std::vector<Pushed>& results) {
  ordered_json list = ordered_json::array();
  std::string text;
  ExitStatus status = ExitStatus::done;
  for (const Pushed& pushed : results) {
    ordered_json entry = {
        {"parent", pushed.parent}, {"what", pushed.what}, {"ok", pushed.outcome.has_value()}};
    if (pushed.outcome) {
      entry["told"] = pushed.told;
      text += pushed.parent + " took the " + pushed.what + " (" + what + "); " +
              std::to_string(pushed.told) + " enclaves told at once\n";
    } else {
      const Error& error = pushed.outcome.error();
      (void)fail(invocation, command, error);
      entry["code"] = error.name();
      entry["error"] = error.to_string();
      // A refusal weighs more than a parent that is not there: it will not pass by itself.
      const bool unreachable = error.is(ParentErrc::unreachable);
      if (!unreachable) status = ExitStatus::refused;
      if (unreachable && status == ExitStatus::done) status = ExitStatus::usage_or_io;
    }
    list.push_back(std::move(entry));
  }
  if (!json) {
    invocation.out << text;
    return status;
  }
  const ordered_json out = {{"ok", status == ExitStatus::done}, {"parents", std::move(list)}};
  invocation.out << out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
  return status;
}

void add_policy_push(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command command = policy.add_subcommand("push", "Hand a signed policy to running parents");
  command.add_option("--policy", options->policy, "Signed policy (DSSE envelope)")
      .type_name("FILE")
      .capture_default_str();
  command
      .add_option("--freshness", options->freshness,
                  "Freshness statement to push after it, so that there is no gap")
      .type_name("FILE");
  command
      .add_option("--parent", options->parents,
                  "Operator endpoint of a parent, unix:/PATH or tcp:HOST:PORT; may be repeated")
      .type_name("ENDPOINT")
      .required();
  command.add_flag("--force", options->force,
                   "Push what the parent would refuse as a step back; enclaves still refuse it");
  command.add_flag("--json", options->json, "Print one JSON object");
  command.footer(
      "The parent keeps the policy on disk and hands it to its enclaves at once; each takes it "
      "only\n"
      "under its measured authority, within validity, and with a higher serial than it has.\n"
      "Examples:\n"
      "  concordat policy push --parent unix:/run/concordat/operator.sock\n"
      "  concordat policy push --parent tcp:127.0.0.1:7201 --parent tcp:127.0.0.1:7202 --json\n"
      "Exit status: 0 all parents took it, 2 one refused, 1 one was not reached, or usage.");
  on_chosen(command, invocation, [options, &invocation] { return push(*options, invocation); });
}

}  // namespace concordat::cli
