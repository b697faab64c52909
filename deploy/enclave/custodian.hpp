// The custodian program, the same for production and lab.
#pragma once

#include "attest/base/log.hpp"
#include "deploy/enclave/surroundings.hpp"

namespace concordat::enclave {

// Boots, unseals and serves until SIGTERM; or performs genesis, if the policy pins no root, and
// returns. Exit status: 0 done, 2 refused, 1 failed.
[[nodiscard]] int run_custodian(const Surroundings& surroundings, base::Logger& log);

}  // namespace concordat::enclave
