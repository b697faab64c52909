// Makes the certificates of the lab's PKI.
#pragma once

#include <string>
#include <vector>

#include "attest/base/clock.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::lab {

struct NameEntry {
  const char* field;  // OpenSSL's short name: "CN", "O", ...
  std::string value;
};

struct ExtensionEntry {
  int nid;            // NID_basic_constraints, ...
  std::string value;  // OpenSSL's text form: "critical,CA:TRUE,pathlen:2"
};

// Everything in the order in which it stands in the certificate.
struct CertificateProfile {
  std::vector<NameEntry> subject;
  base::Bytes serial;  // big-endian
  base::UnixMillis not_before;
  base::UnixMillis not_after;
  std::vector<ExtensionEntry> extensions;
};

// A certificate with the private key that it speaks of.
struct Credential {
  base::X509Ptr certificate;
  base::PkeyPtr key;
};

[[nodiscard]] base::Result<base::PkeyPtr> generate_p384_key();

// An X.509 v3 certificate for `subject_key`, signed ecdsa-with-SHA384 by `issuer`, or by
// `subject_key` itself when `issuer` is null.
[[nodiscard]] base::Result<base::X509Ptr> make_certificate(const CertificateProfile& profile,
                                                           EVP_PKEY* subject_key,
                                                           const Credential* issuer);

[[nodiscard]] base::Result<base::UnixMillis> not_before(const X509* certificate);
[[nodiscard]] base::Result<base::UnixMillis> not_after(const X509* certificate);

}  // namespace concordat::lab
