// Runs the operator's program inside the test: the same code as its main, with its streams kept.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "deploy/cli/commands.hpp"

namespace concordat::test {

struct Ran {
  int status;
  std::string out;
  std::string err;
};

inline Ran run_cli(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  cli::Invocation invocation{"concordat", out, err};
  std::vector<const char*> argv{"concordat"};
  for (const std::string& argument : arguments)
    argv.push_back(argument.c_str());
  const int status = cli::run(static_cast<int>(argv.size()), argv.data(), invocation);
  return {status, out.str(), err.str()};
}

}  // namespace concordat::test
