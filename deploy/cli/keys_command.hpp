// What the `keys` commands share: how they reach a custodian, and what they answer.
#pragma once

#include "deploy/cli/operator_options.hpp"

namespace concordat::cli {

struct KeysOptions {
  OperatorOptions at;
  bool json = false;
};
// Those of every command that talks to a custodian, and --json.
void add_keys_options(Command command, const Invocation& invocation, KeysOptions& options);
// The command's help behind its options: what is particular, examples, exit statuses.
void add_keys_footer(Command command, const std::string& notes, const std::string& examples);
// NAME.
Option add_key_name(Command command, std::string& name);
// --implicit.
void add_implicit(Command command, bool& implicit);

// Opens a channel and lets `talk` use it. What goes wrong is said of `command` ("keys list"), with
// --json under the custodian's own code where it refused.
[[nodiscard]] ExitStatus with_custodian(const KeysOptions& options, const Invocation& invocation,
                                        const std::string& command,
                                        const std::function<base::Status(OperatorChannel&)>& talk);
// The same for a request that changes a key (`command`: "create"): what `make` makes of the open
// channel is asked, and the key as it is then shown.
using MakeRequest = std::function<base::Result<keyservice::AdminBody>(OperatorChannel&)>;
[[nodiscard]] ExitStatus change_key(const KeysOptions& options, const Invocation& invocation,
                                    const std::string& command, const MakeRequest& make);

// The newest version that the custodian shows of a key: what a rotation must find.
[[nodiscard]] base::Result<std::uint32_t> newest_version(OperatorChannel& channel,
                                                         const std::string& name);

// One function a command.
void add_keys_create(Command keys, Invocation& invocation);
void add_keys_import(Command keys, Invocation& invocation);
void add_keys_list(Command keys, Invocation& invocation);
void add_keys_describe(Command keys, Invocation& invocation);
void add_keys_rotate(Command keys, Invocation& invocation);
void add_keys_state(Command keys, Invocation& invocation);  // disable, enable, destroy
void add_keys_set_minimum(Command keys, Invocation& invocation);
void add_keys_rewrap(Command keys, Invocation& invocation);

}  // namespace concordat::cli
