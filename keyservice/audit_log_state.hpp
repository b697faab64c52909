// What a custodian tells an operator of its audit log.
#pragma once

#include <cstdint>
#include <string>

#include "attest/base/clock.hpp"

namespace concordat::keyservice {

struct AuditLogState {
  bool takes_entries = false;  // not so: nothing that needs an entry is done
  std::string why{};           // it does not, in printable ASCII of at most 200 characters
  std::uint64_t size = 0;      // entries that are durable; 0 as long as no boot has opened it
  base::UnixMillis last{};     // of the last of them
  std::uint64_t waiting = 0;   // for the store
  std::uint32_t root_generation = 0;  // whose log key signs; 0: it is not open
};

}  // namespace concordat::keyservice
