// Secure aggregation: counts, sums, means, variances and histograms over private tables
// (README.md beside this file).
#pragma once

#include "session/protocol.hpp"

namespace concordat::session::aggregate {

[[nodiscard]] ProtocolKind kind();

}  // namespace concordat::session::aggregate
