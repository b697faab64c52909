// concordat keys disable | enable | destroy | set-minimum
#include <ostream>

#include "deploy/cli/keys_command.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using keyservice::AdminBody;
using keyservice::SetKeyStateRequest;
using keyservice::VersionState;

struct StateOptions {
  KeysOptions keys;
  SetKeyStateRequest set;
  std::string confirmed;  // of destroy
};
using StatePtr = std::shared_ptr<StateOptions>;

ExitStatus run_state(const StateOptions& options, const Invocation& invocation,
                     const std::string& command) {
  const bool destroys = options.set.state == VersionState::destroyed;
  if (destroys && options.confirmed != options.set.name) {
    invocation.err << invocation.program << ": keys destroy: --yes-destroy names '"
                   << options.confirmed << "', not the key '" << options.set.name << "'\n";
    return ExitStatus::usage_or_io;
  }
  return change_key(options.keys, invocation, command,
                    [&](OperatorChannel&) { return Result<AdminBody>(options.set); });
}

StatePtr add_state(Command command, Invocation& invocation, VersionState state,
                   const std::string& name) {
  auto options = std::make_shared<StateOptions>();
  options->set.state = state;
  add_key_name(command, options->set.name);
  command
      .add_option("--version", options->set.version, "Of one version alone, not of the whole key")
      .type_name("VERSION");
  add_implicit(command, options->set.implicit);
  add_keys_options(command, invocation, options->keys);
  on_chosen(command, invocation,
            [options, &invocation, name] { return run_state(*options, invocation, name); });
  return options;
}

struct MinimumOptions {
  KeysOptions keys;
  keyservice::SetMinimumVersionRequest set;
};

}  // namespace

void add_keys_state(Command keys, Invocation& invocation) {
  const Command disable =
      keys.add_subcommand("disable", "Let nobody use a key, or a version, until it is enabled");
  (void)add_state(disable, invocation, VersionState::disabled, "disable");
  add_keys_footer(disable, "Workers that hold it use it no longer than five minutes.\n",
                  "  concordat keys disable payments/card\n"
                  "  concordat keys disable payments/card --version 2\n");

  const Command enable = keys.add_subcommand("enable", "Let a disabled key, or version, be used");
  (void)add_state(enable, invocation, VersionState::enabled, "enable");
  add_keys_footer(enable, "", "  concordat keys enable payments/card\n");

  const Command destroy = keys.add_subcommand(
      "destroy", "Forget a key, or a version, for good: whatever it encrypted is lost");
  const StatePtr options = add_state(destroy, invocation, VersionState::destroyed, "destroy");
  destroy
      .add_option("--yes-destroy", options->confirmed,
                  "The key's name once more: nothing brings it back")
      .type_name("NAME")
      .required();
  add_keys_footer(
      destroy, "The name stays taken. `disable` first and see who misses it.\n",
      "  concordat keys destroy payments/card --yes-destroy payments/card\n"
      "  concordat keys destroy payments/card --version 1 --yes-destroy payments/card\n");
}

void add_keys_set_minimum(Command keys, Invocation& invocation) {
  auto options = std::make_shared<MinimumOptions>();
  const Command set = keys.add_subcommand(
      "set-minimum", "Let versions of a key below this one not even be read with");
  add_key_name(set, options->set.name);
  set.add_option("VERSION", options->set.minimum, "The oldest version that may be used").required();
  add_implicit(set, options->set.implicit);
  add_keys_options(set, invocation, options->keys);
  add_keys_footer(set,
                  "It can be lowered again: the versions are still there. `rewrap` what is to "
                  "outlive them.\n",
                  "  concordat keys set-minimum payments/card 3\n");
  on_chosen(set, invocation, [options, &invocation] {
    return change_key(options->keys, invocation, "set-minimum",
                      [&](OperatorChannel&) { return Result<AdminBody>(options->set); });
  });
}

}  // namespace concordat::cli
