// How a share of a key outlives the enclave that it was made in: sealed by the party's own
// custodian, with keys that policy grants the role for it (keyservice/session_shares.hpp).
#pragma once

#include "keyservice/custodian_link_io.hpp"
#include "session/host/control_session_io.hpp"

namespace concordat::enclave {

// `link` outlives it. Errors of the link; not_granted, key_destroyed and the like as the custodian
// says them; other_key for what is sealed under no such key of the role.
[[nodiscard]] session::host::Sealing seal_by_custodian(keyservice::CustodianLink& link,
                                                       const std::string& role);

}  // namespace concordat::enclave
