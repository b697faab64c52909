// concordat status
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/end_signals.hpp"
#include "deploy/cli/operator_options.hpp"
#include "deploy/cli/status_report.hpp"
#include "keyservice/error.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using keyservice::CustodianStatus;

struct Options {
  OperatorOptions at;
  unsigned every = 0;  // seconds; 0: once
  bool json = false;
};

Result<CustodianStatus> ask_status(OperatorChannel& channel) {
  CONCORDAT_TRY(const keyservice::AdminReply reply, channel.ask({0, keyservice::StatusRequest{}}));
  return keyservice::decode_custodian_status(reply.items);
}

void print(const Options& options, const Invocation& invocation, const OperatorChannel& channel,
           const CustodianStatus& status) {
  if (options.json) {
    print_json(invocation, to_json(channel.enclave(), status));
  } else {
    invocation.out << to_text(channel.enclave(), status);
  }
  invocation.out.flush();
}

ExitStatus run(const Options& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_operators_failure(invocation, options.json, "status", error);
  };
  const EndSignals signals;
  const auto self = Operator::open(options.at, invocation);
  if (!self) return refuse(self.error());
  auto channel = (*self)->dial();
  if (!channel) return refuse(channel.error());
  for (bool redialled = false;;) {
    const auto status = ask_status(**channel);
    if (status) {
      print(options, invocation, **channel, *status);
      redialled = false;
      if (options.every == 0 || signals.wait(std::chrono::seconds(options.every)))
        return ExitStatus::done;
      continue;
    }
    // A channel ends at a newer policy, or when it is old: then both sides judge each other anew.
    if (options.every == 0 || redialled ||
        status.error().is(keyservice::Errc::refused_by_custodian)) {
      return refuse(status.error());
    }
    redialled = true;
    (void)fail(invocation, "status", status.error());
    channel = (*self)->dial();
    if (!channel) return refuse(channel.error());
  }
}

}  // namespace

void add_status_command(Command app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command status =
      app.add_subcommand("status", "Ask a custodian over an attested channel how it is");
  add_operator_options(status, invocation, options->at);
  status
      .add_option("--every", options->every,
                  "Stay connected and ask again after so many seconds, until SIGTERM")
      .type_name("SECONDS")
      .range(1U, 86'400U);
  status.add_flag("--json", options->json, "Print one JSON object an answer");
  status.footer(
      "The operator's key must be in the policy with purpose \"admin\" (policy add-operator), and\n"
      "the custodian must be what the policy says, by its attestation document: whatever else is\n"
      "at the other end is refused before anything is signed. Keep this machine's clock right.\n"
      "Examples:\n"
      "  concordat status --parent unix:/run/concordat/operator.sock --key dana.key\n"
      "  concordat status --parent tcp:127.0.0.1:7201 --enclave custodian-2 --json \\\n"
      "      --token 'pkcs11:token=ops;object=dana'\n"
      "Exit status: 0 answered, 2 refused, 1 not reached, usage or input/output error.");
  on_chosen(status, invocation, [options, &invocation] { return run(*options, invocation); });
}

}  // namespace concordat::cli
