// Keys by which a custodian seals what runs of sessions say to keep (shares of keys): one for each
// result, so that what a later run replaced can be ended by itself, for good, by destroying its
// key. The names are in the program, not in a parent's configuration.
//
// A custodian makes a record of such a key before it first encrypts with it: a derived key of the
// root generation that seals then, which `get` never gives out. So it is listed, keeps its bytes
// when the root is replaced, and that generation is not retired while the key leans on it. A role
// has a bounded number of them that are not destroyed (kMaxShareKeys), and uses no other role's,
// whatever policy grants.
#pragma once

#include <string>
#include <string_view>

#include "attest/base/hash.hpp"

namespace concordat::keyservice {

// Keys with these names are the agent's own: whatever policy grants the role, no application uses
// them.
inline constexpr std::string_view kSessionShares = "session-shares/";
// Of a result's SHA-256, in hex: a key's name has no room for all of it beside a long role's.
inline constexpr std::size_t kResultInName = 32;

// "session-shares/ROLE/": policy grants the role `encrypt` and `decrypt` with all keys of it; to
// another role a custodian answers not_granted. ROLE is the enclave's, which its parent's
// configuration says, and a descriptor that seats it in another is refused (HostedRun::start).
[[nodiscard]] inline std::string session_shares_of(std::string_view role) {
  return std::string(kSessionShares) + std::string(role) + "/";
}
// The key of what a run with this result said to keep.
[[nodiscard]] inline std::string session_share_key(std::string_view role,
                                                   const base::Sha256Digest& result) {
  return session_shares_of(role) + result.hex().substr(0, kResultInName);
}

}  // namespace concordat::keyservice
