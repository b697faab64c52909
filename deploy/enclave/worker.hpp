// The worker agent's program, the same for production and lab.
#pragma once

#include <string>
#include <vector>

#include "attest/base/log.hpp"
#include "deploy/enclave/surroundings.hpp"

namespace concordat::enclave {

// Boots, links to the custodian, serves the local API until SIGTERM. `application`: program and
// arguments to start, unprivileged, once the API listens; empty for none. When it ends, so does the
// run, with its exit status. Exit status otherwise: 0 done, 2 refused, 1 failed.
[[nodiscard]] int run_worker(const Surroundings& surroundings,
                             const std::vector<std::string>& application, base::Logger& log);

}  // namespace concordat::enclave
