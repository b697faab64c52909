// concordat keys
#include "deploy/cli/keys_command.hpp"

#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/keys_report.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::Status;

ExitStatus refuse(const KeysOptions& options, const Invocation& invocation,
                  const std::string& command, const Error& error) {
  return answer_operators_failure(invocation, options.json, command, error);
}

}  // namespace

void add_keys_options(Command command, const Invocation& invocation, KeysOptions& options) {
  add_operator_options(command, invocation, options.at);
  command.add_flag("--json", options.json, "Print JSON");
}

void add_keys_footer(Command command, const std::string& notes, const std::string& examples) {
  command.footer(
      notes + "Examples (each with --parent, and --key or --token, as `status` has them):\n" +
      examples + "Exit status: 0 done, 2 refused, 1 not reached, usage or input/output error.");
}

Option add_key_name(Command command, std::string& name) {
  return command.add_option("NAME", name, "Name of the key").required();
}

void add_implicit(Command command, bool& implicit) {
  command.add_flag("--implicit", implicit,
                   "It may be a name without a record, which stands for a derived key: a mistyped "
                   "name would be one, too");
}

ExitStatus with_custodian(const KeysOptions& options, const Invocation& invocation,
                          const std::string& command,
                          const std::function<Status(OperatorChannel&)>& talk) {
  const auto self = Operator::open(options.at, invocation);
  if (!self) return refuse(options, invocation, command, self.error());
  const auto channel = (*self)->dial();
  if (!channel) return refuse(options, invocation, command, channel.error());
  const Status done = talk(**channel);
  return done ? ExitStatus::done : refuse(options, invocation, command, done.error());
}

ExitStatus change_key(const KeysOptions& options, const Invocation& invocation,
                      const std::string& command, const MakeRequest& make) {
  const std::string whole = "keys " + command;
  return with_custodian(options, invocation, whole, [&](OperatorChannel& channel) -> Status {
    CONCORDAT_TRY(keyservice::AdminBody body, make(channel));
    CONCORDAT_TRY(const keyservice::AdminReply reply, channel.ask({0, std::move(body)}));
    CONCORDAT_TRY(const keyservice::ShownKey key, keyservice::decode_key(reply));
    answer(invocation, options.json, to_json(key), to_text(key));
    return {};
  });
}

Result<std::uint32_t> newest_version(OperatorChannel& channel, const std::string& name) {
  const auto pass_over = [](const keyservice::AdminReply&) { return Status(); };
  CONCORDAT_TRY(const keyservice::AdminReply reply,
                channel.ask({0, keyservice::DescribeKeyRequest{name}}, pass_over));
  CONCORDAT_TRY(const keyservice::ShownKey key, keyservice::decode_key(reply));
  return key.summary.newest_version;
}

void add_keys_commands(Command app, Invocation& invocation) {
  const Command keys = app.add_subcommand(
      "keys",
      "Make, rotate and end a custodian's keys over an attested channel; their bytes stay "
      "in it");
  keys.require_subcommand();
  add_keys_create(keys, invocation);
  add_keys_import(keys, invocation);
  add_keys_list(keys, invocation);
  add_keys_describe(keys, invocation);
  add_keys_rotate(keys, invocation);
  add_keys_state(keys, invocation);
  add_keys_set_minimum(keys, invocation);
  add_keys_rewrap(keys, invocation);
  keys.footer(
      "The operator's key must be in the policy with purpose \"admin\" (policy add-operator).\n"
      "Example:\n"
      "  concordat keys create payments/card --type aes256 \\\n"
      "      --parent unix:/run/concordat/operator.sock --key dana.key\n"
      "Exit status: 0 done, 2 refused, 1 not reached, usage or input/output error.");
}

}  // namespace concordat::cli
