// Signs enclave image files, as `nitro-cli build-enclave --signing-certificate --private-key` does.
#pragma once

#include "attest/base/openssl.hpp"
#include "attest/pcr.hpp"

namespace concordat::attest {

// The content of a signature section (eif_checks.hpp): PCR0 signed by `key`, which is on P-256,
// P-384 or P-521, with its certificate. The certificate goes in as it is; PCR8 measures its DER.
// bad_certificate unless it is PEM, bad_key unless the key is the certificate's,
// unsupported_algorithm for keys of other kinds.
[[nodiscard]] base::Result<base::Bytes> sign_eif(const PcrValue& pcr0,
                                                 base::BytesView certificate_pem, EVP_PKEY* key);

}  // namespace concordat::attest
