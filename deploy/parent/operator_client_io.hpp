// The operator's side of a parent's operator endpoint, for the operator's program.
#pragma once

#include "deploy/cli/parent_call.hpp"

namespace concordat::parent {

// One exchange on a connection of its own; at most half a minute.
[[nodiscard]] base::Result<cli::ParentAnswer> call_parent(const peer::Endpoint& endpoint,
                                                          const cli::ParentRequest& request);

}  // namespace concordat::parent
