// What an entry's detail says where an auditor compares it with the evidence: one text for whoever
// writes it and whoever checks it.
#pragma once

#include <string>

#include "attest/base/bytes.hpp"

namespace concordat::keyservice::audit {

[[nodiscard]] inline std::string genesis_detail(std::uint32_t generation,
                                                base::BytesView commitment) {
  return "root generation " + std::to_string(generation) + ", commitment " +
         base::to_hex(commitment);
}

[[nodiscard]] inline std::string policy_change_detail(std::uint64_t serial) {
  return "serial " + std::to_string(serial);
}

}  // namespace concordat::keyservice::audit
