#include <CLI/CLI.hpp>

#include "deploy/cli/commands.hpp"

namespace concordat::cli {

void add_attest_commands(CLI::App& app, Invocation&) {
  CLI::App* attest = app.add_subcommand("attest", "Look at attestation documents");
  require_command(*attest);
}

}  // namespace concordat::cli
