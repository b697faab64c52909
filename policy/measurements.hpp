// Register values as nitro-cli prints them.
#pragma once

#include "policy/finding.hpp"
#include "policy/model.hpp"

namespace concordat::policy {

struct Measurements {
  PcrValue pcr0, pcr1, pcr2;
  std::optional<PcrValue> pcr8;  // nullopt: not signed
};

// The output of `nitro-cli build-enclave`, `describe-eif`, `describe-enclaves` with one enclave, or
// `concordat measure`: an object with "Measurements", alone or as the only element of an array.
// What else is in it is not looked at. The error's detail names line and column.
[[nodiscard]] base::Result<Measurements> read_measurements(std::string_view text);

}  // namespace concordat::policy
