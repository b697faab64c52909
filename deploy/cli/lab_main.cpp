// `concordat-lab`: the same commands for the lab, the only place where a lab root may be trusted by
// a command that opens a channel.
#include <iostream>

#include "deploy/cli/commands.hpp"

int main(int argc, char** argv) {
  concordat::cli::Invocation invocation{"concordat-lab", std::cout, std::cerr};
  return concordat::cli::run(argc, argv, invocation);
}
