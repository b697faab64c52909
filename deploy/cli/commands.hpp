// What the commands of `concordat` share. Each command lives in a file of its own and adds itself
// to the parser; it keeps no state between runs and reads nothing from the environment.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "deploy/cli/parent_call.hpp"
#include "deploy/command_line/command_line.hpp"

namespace concordat::cli {

using command_line::Command;
using command_line::Option;

// The exit statuses of every program of this project; there are no others.
enum class ExitStatus : int { done = 0, usage_or_io = 1, refused = 2 };

// operator_channel.hpp
class OperatorChannel;
struct ChannelOrder;
using OpenChannel =
    std::function<base::Result<std::unique_ptr<OperatorChannel>>(const ChannelOrder&)>;

// session_order.hpp
struct SessionOrder;
struct SessionOutcome;
using RunSession =
    std::function<base::Result<SessionOutcome>(const ChannelOrder&, const SessionOrder&)>;

// One run of the program. `err` takes what is for people only, `out` the answer.
struct Invocation {
  std::string program;  // "concordat" or "concordat-lab", for messages
  std::ostream& out;
  std::ostream& err;
  ExitStatus status = ExitStatus::done;  // set by the command that ran
  ParentCall call_parent{};              // set by main
  OpenChannel open_channel{};            // set by main, which decides whose roots it trusts
  RunSession run_session{};              // likewise
  bool is_lab = false;                   // of the lab's twin: it alone offers --lab-root
};

// Runs `command` when `parsed` was chosen on the command line and keeps its exit status.
void on_chosen(Command parsed, Invocation& invocation, std::function<ExitStatus()> command);

// One line on standard error, "concordat: WHAT: error", and the status for usage and I/O errors.
[[nodiscard]] ExitStatus fail(const Invocation& invocation, std::string_view what,
                              const base::Error& error);

// One function a command, in the order of `concordat --help`.
void add_attest_commands(Command app, Invocation& invocation);
void add_measure_command(Command app, Invocation& invocation);
void add_keygen_command(Command app, Invocation& invocation);
void add_token_commands(Command app, Invocation& invocation);
void add_authority_commands(Command app, Invocation& invocation);
void add_policy_commands(Command app, Invocation& invocation);
void add_status_command(Command app, Invocation& invocation);
void add_keys_commands(Command app, Invocation& invocation);
void add_root_commands(Command app, Invocation& invocation);
void add_audit_commands(Command app, Invocation& invocation);
void add_recovery_commands(Command app, Invocation& invocation);
void add_session_commands(Command app, Invocation& invocation);

// Parses the arguments (without the program's name) and runs the chosen command. Never throws.
[[nodiscard]] int run(int argc, const char* const* argv, Invocation& invocation);

}  // namespace concordat::cli
