// Trust in a root of one's own choice. A target apart, `concordat_attest_custom_root`, linked by
// offline commands and *-lab programs only: programs that open channels do not contain it.
#pragma once

#include "attest/roots.hpp"

namespace concordat::attest {

// Trusts exactly this certificate (PEM, first one, or DER) and no root of AWS. Fails with
// CryptoErrc::bad_certificate.
[[nodiscard]] base::Result<TrustAnchors> trust_anchors_from_root(base::BytesView pem_or_der);

}  // namespace concordat::attest
