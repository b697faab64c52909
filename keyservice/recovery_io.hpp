// Recovery shares in a serving custodian: documents from its NSM, what is restored to its root's
// keeper, and a line in its log for each step.
#pragma once

#include "keyservice/recovery/desk.hpp"
#include "keyservice/root_keeper_io.hpp"

namespace concordat::keyservice {

// References outlive the desk that is given these.
[[nodiscard]] recovery::DeskWays recovery_ways(EnclaveRuntime& runtime, RootKeeper& root,
                                               base::Logger& log);

}  // namespace concordat::keyservice
