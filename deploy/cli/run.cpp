#include <array>
#include <csignal>
#include <ostream>

#include "deploy/cli/commands.hpp"

namespace concordat::cli {
namespace {

using AddCommand = void (*)(Command, Invocation&);
constexpr std::array kCommands{
    AddCommand{add_attest_commands},    AddCommand{add_measure_command},
    AddCommand{add_keygen_command},     AddCommand{add_token_commands},
    AddCommand{add_authority_commands}, AddCommand{add_policy_commands},
    AddCommand{add_status_command},     AddCommand{add_keys_commands},
    AddCommand{add_root_commands},      AddCommand{add_audit_commands},
    AddCommand{add_recovery_commands},  AddCommand{add_session_commands},
};

ExitStatus parse_and_run(int argc, const char* const* argv, Invocation& invocation) {
  const command_line::Program program(
      "Operator's commands for Nitro Enclaves that trust one another.", invocation.program);
  const Command app = program.command();
  app.require_known_subcommand();
  app.set_version_flag("--version", CONCORDAT_VERSION);
  app.footer("Exit status: 0 done or accepted, 2 refused, 1 usage or input/output error.");
  for (const AddCommand add : kCommands)
    add(app, invocation);
  const auto ended = program.parse(argc, argv, invocation.out, invocation.err);
  return ended ? static_cast<ExitStatus>(*ended) : invocation.status;
}

}  // namespace

void on_chosen(Command parsed, Invocation& invocation, std::function<ExitStatus()> command) {
  parsed.callback([&invocation, command = std::move(command)] { invocation.status = command(); });
}

ExitStatus fail(const Invocation& invocation, std::string_view what, const base::Error& error) {
  invocation.err << invocation.program << ": " << what << ": " << error.to_string() << "\n";
  return ExitStatus::usage_or_io;
}

int run(int argc, const char* const* argv, Invocation& invocation) {
  // A reader that went away is a failed write, reported below, not a death by signal.
  std::signal(SIGPIPE, SIG_IGN);
  ExitStatus status = ExitStatus::usage_or_io;
  try {
    status = parse_and_run(argc, argv, invocation);
  } catch (const std::exception& error) {
    invocation.err << invocation.program << ": " << error.what() << "\n";
  }
  // An answer that did not arrive (full disk, closed pipe) must not look like one that did.
  if (!invocation.out.flush()) {
    invocation.err << invocation.program << ": cannot write to standard output\n";
    status = ExitStatus::usage_or_io;
  }
  return static_cast<int>(status);
}

}  // namespace concordat::cli
