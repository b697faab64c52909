// A custodian's status for people and programs.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "keyservice/custodian_status.hpp"
#include "policy/evaluate.hpp"

namespace concordat::cli {

// `enclave`: whom the channel leads to, attested; `status`: what that enclave says.
[[nodiscard]] nlohmann::ordered_json to_json(const policy::AdmittedPeer& enclave,
                                             const keyservice::CustodianStatus& status);
[[nodiscard]] std::string to_text(const policy::AdmittedPeer& enclave,
                                  const keyservice::CustodianStatus& status);

}  // namespace concordat::cli
