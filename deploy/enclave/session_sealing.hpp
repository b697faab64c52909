// How a share of a key outlives the enclave that it was made in: sealed by the party's own
// custodian, with a key that policy grants the role for it.
#pragma once

#include "keyservice/custodian_link_io.hpp"
#include "session/host/control_session_io.hpp"

namespace concordat::enclave {

// "session-shares/ROLE": policy grants the role `encrypt` and `decrypt` with it, and nobody else
// `decrypt`. The form of the name is in the program; ROLE is the enclave's, which its parent's
// configuration says, and a descriptor that seats it in another is refused (HostedRun::start).
[[nodiscard]] std::string sealing_key_of(std::string_view role);

// `link` outlives it. Errors of the link; not_granted and the like as the custodian says them.
[[nodiscard]] session::host::Sealing seal_by_custodian(keyservice::CustodianLink& link,
                                                       const std::string& role);

}  // namespace concordat::enclave
