// The local KMS's TLS identity: a certificate authority of its own, kept in its state directory,
// and a server certificate made anew at each start for the names that clients call.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "deploy/lab/certificate.hpp"

namespace concordat::lab {

struct TlsIdentity {
  std::string authority_pem;  // what clients trust
  Credential server;
};

// `directory` is made with mode 0700 and keeps the authority's key. `names` are DNS names, or IPv4
// addresses; anything else is bad_name.
[[nodiscard]] base::Result<TlsIdentity> open_tls_identity(const std::filesystem::path& directory,
                                                          const std::vector<std::string>& names,
                                                          base::UnixMillis now);

}  // namespace concordat::lab
