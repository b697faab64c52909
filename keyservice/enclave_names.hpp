// Names of enclaves in a setting of the parent's configuration.
#pragma once

#include <string>
#include <vector>

#include "attest/base/result.hpp"

namespace concordat::keyservice {

// "custodian-a,custodian-b": distinct names by which the relay knows enclaves, one to
// kMaxCustodians, in the file's order. `setting` is what errors call it: bad_setting.
[[nodiscard]] base::Result<std::vector<std::string>> parse_enclave_names(std::string_view setting,
                                                                         std::string_view text);

}  // namespace concordat::keyservice
