// `concordat`: the operator's program. Whatever opens a channel from here trusts AWS's roots alone.
#include <iostream>

#include "deploy/cli/commands.hpp"

int main(int argc, char** argv) {
  concordat::cli::Invocation invocation{"concordat", std::cout, std::cerr};
  return concordat::cli::run(argc, argv, invocation);
}
