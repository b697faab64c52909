// One certificate of a document's chain, held to the rules that need no other certificate:
// X.509 v3, a key on the named curve P-384, ecdsa-with-SHA384, no critical extension but those that
// verification evaluates, and what a CA or a leaf must say.
// Source: attestation_process.md section 3.2.3, narrowed to what AWS issues.
#pragma once

#include "attest/base/clock.hpp"
#include "attest/base/openssl.hpp"
#include "attest/refusal.hpp"

namespace concordat::attest {

// Both ends included (RFC 5280 section 4.1.2.5).
struct Validity {
  base::UnixMillis not_before;
  base::UnixMillis not_after;

  [[nodiscard]] bool contains(base::UnixMillis at) const noexcept {
    return not_before <= at && at <= not_after;
  }
  // The time during which both are valid.
  [[nodiscard]] Validity intersected(const Validity& other) const noexcept {
    return {std::max(not_before, other.not_before), std::min(not_after, other.not_after)};
  }
};

struct Certificate {
  base::X509Ptr x509;
  Validity validity;
};

// `where` ("cabundle[1]") begins the detail of every refusal.
[[nodiscard]] base::Result<Certificate> parse_certificate(base::BytesView der,
                                                          std::string_view where);
// CA by basic constraints and allowed to sign certificates.
[[nodiscard]] base::Status require_authority(X509* certificate, std::string_view where);
// No CA, no path length, allowed to sign data.
[[nodiscard]] base::Status require_leaf(X509* certificate, std::string_view where);
[[nodiscard]] base::Status require_valid(const Validity& validity, base::UnixMillis at,
                                         std::string_view where);

}  // namespace concordat::attest
