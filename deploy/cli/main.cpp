// `concordat`: the operator's program. Whatever opens a channel from here trusts AWS's roots alone.
#include <iostream>

#include "deploy/cli/commands.hpp"
#include "deploy/parent/operator_client_io.hpp"

int main(int argc, char** argv) {
  concordat::cli::Invocation invocation{.program = "concordat",
                                        .out = std::cout,
                                        .err = std::cerr,
                                        .call_parent = concordat::parent::call_parent};
  return concordat::cli::run(argc, argv, invocation);
}
