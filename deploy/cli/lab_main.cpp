// `concordat-lab`: the same commands for the lab, the only place where a lab root may be trusted by
// a command that opens a channel.
#include <iostream>

#include "deploy/cli/commands.hpp"
#include "deploy/parent/operator_client_io.hpp"

int main(int argc, char** argv) {
  concordat::cli::Invocation invocation{.program = "concordat-lab",
                                        .out = std::cout,
                                        .err = std::cerr,
                                        .call_parent = concordat::parent::call_parent,
                                        .is_lab = true};
  return concordat::cli::run(argc, argv, invocation);
}
