// What `policy push` and `policy freshness serve` share: one body to many parents, and the report.
#pragma once

#include <vector>

#include "deploy/cli/parent_call.hpp"
#include "deploy/cli/policy_files.hpp"

namespace concordat::cli {

struct Pushed {
  std::string parent, what;
  std::uint64_t told = 0;  // enclaves that waited for it
  base::Status outcome;
};

[[nodiscard]] base::Result<std::vector<peer::Endpoint>> operator_endpoints(
    const std::vector<std::string>& texts);
// PUTs `body` to each, whatever becomes of the others.
[[nodiscard]] std::vector<Pushed> push_to_all(const Invocation& invocation,
                                              const std::vector<peer::Endpoint>& parents,
                                              const std::string& path, const std::string& body,
                                              bool force);
ExitStatus report_pushed(const Invocation& invocation, bool json, std::string_view command,
                         const std::string& what, const std::vector<Pushed>& results);

}  // namespace concordat::cli
