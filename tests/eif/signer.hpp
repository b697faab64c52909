// A key with a certificate that it signed itself, as image signers have.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "attest/base/openssl.hpp"

namespace concordat::attest::test {

struct Signer {
  base::PkeyPtr key;
  base::Bytes certificate_pem;
  base::Bytes certificate_der;
};

inline base::X509Ptr self_signed(EVP_PKEY* key) {
  base::X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), key, EVP_sha384());
  return certificate;
}

inline Signer make_signer(const char* curve) {
  Signer signer;
  signer.key.reset(EVP_EC_gen(curve));
  const base::X509Ptr certificate = self_signed(signer.key.get());
  const base::BioPtr pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(pem.get(), certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &text);
  signer.certificate_pem =
      base::to_bytes(base::as_bytes(std::string_view(text, static_cast<std::size_t>(size))));
  signer.certificate_der = base::certificate_der(certificate.get()).value();
  return signer;
}

}  // namespace concordat::attest::test
