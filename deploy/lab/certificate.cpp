#include "deploy/lab/certificate.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include <ctime>

namespace concordat::lab {
namespace {

using BignumPtr = std::unique_ptr<BIGNUM, base::OpensslDeleter<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, base::OpensslDeleter<X509_EXTENSION_free>>;

bool set_serial(X509* certificate, const base::Bytes& serial) {
  const BignumPtr number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

bool set_name(X509_NAME* name, const std::vector<NameEntry>& entries) {
  for (const NameEntry& entry : entries) {
    const auto* value = reinterpret_cast<const unsigned char*>(entry.value.data());
    if (X509_NAME_add_entry_by_txt(name, entry.field, MBSTRING_UTF8, value,
                                   static_cast<int>(entry.value.size()), -1, 0) != 1) {
      return false;
    }
  }
  return true;
}

bool set_validity(X509* certificate, const CertificateProfile& profile) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), profile.not_before.value / 1000) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), profile.not_after.value / 1000);
}

bool add_extensions(X509* certificate, X509* issuer, const std::vector<ExtensionEntry>& entries) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const ExtensionEntry& entry : entries) {
    const ExtensionPtr extension(
        X509V3_EXT_conf_nid(nullptr, &context, entry.nid, entry.value.c_str()));
    if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) return false;
  }
  return true;
}

base::Result<base::UnixMillis> to_unix(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return base::openssl_error("reading a validity time");
  return base::UnixMillis{static_cast<std::int64_t>(::timegm(&parts)) * 1000};
}

}  // namespace

base::Result<base::PkeyPtr> generate_p384_key() {
  base::PkeyPtr key(EVP_EC_gen("P-384"));
  if (!key) return base::openssl_error("making a P-384 key");
  return key;
}

base::Result<base::X509Ptr> make_certificate(const CertificateProfile& profile,
                                             EVP_PKEY* subject_key, const Credential* issuer) {
  base::X509Ptr certificate(X509_new());
  X509* issuer_certificate = issuer ? issuer->certificate.get() : certificate.get();
  EVP_PKEY* issuer_key = issuer ? issuer->key.get() : subject_key;
  // The subject first: a self-signed certificate takes its issuer from it.
  const bool made =
      certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      set_serial(certificate.get(), profile.serial) &&
      set_name(X509_get_subject_name(certificate.get()), profile.subject) &&
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer_certificate)) == 1 &&
      set_validity(certificate.get(), profile) &&
      X509_set_pubkey(certificate.get(), subject_key) == 1 &&
      add_extensions(certificate.get(), issuer_certificate, profile.extensions) &&
      X509_sign(certificate.get(), issuer_key, EVP_sha384()) > 0;
  if (!made) return base::openssl_error("making a lab certificate");
  return certificate;
}

base::Result<base::UnixMillis> not_before(const X509* certificate) {
  return to_unix(X509_get0_notBefore(certificate));
}

base::Result<base::UnixMillis> not_after(const X509* certificate) {
  return to_unix(X509_get0_notAfter(certificate));
}

}  // namespace concordat::lab
