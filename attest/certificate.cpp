#include "attest/certificate.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

#include "attest/chain_crypto.hpp"

namespace concordat::attest {
namespace {

using base::Error;
using base::Result;
using base::Status;
using base::UnixMillis;

Error refuse_certificate(Errc code, std::string_view where, std::string_view what = {}) {
  std::string detail(where);
  if (!what.empty()) detail.append(": ").append(what);
  return Error(code, std::move(detail));
}

Result<UnixMillis> to_time(const ASN1_TIME* time, std::string_view where) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return refuse_certificate(Errc::bad_certificate, where, "validity is no time");
  }
  return UnixMillis{static_cast<std::int64_t>(timegm(&parts)) * 1000};
}

// From the encoded parameters, so that explicit curve parameters do not pass for the named curve.
bool is_p384(const X509* certificate) {
  X509_ALGOR* algorithm = nullptr;
  ASN1_OBJECT* key_type = nullptr;
  if (X509_PUBKEY_get0_param(&key_type, nullptr, nullptr, &algorithm,
                             X509_get_X509_PUBKEY(certificate)) != 1) {
    return false;
  }
  int parameter_type = V_ASN1_UNDEF;
  const void* parameter = nullptr;
  X509_ALGOR_get0(nullptr, &parameter_type, &parameter, algorithm);
  return OBJ_obj2nid(key_type) == NID_X9_62_id_ecPublicKey && parameter_type == V_ASN1_OBJECT &&
         OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(parameter)) == NID_secp384r1;
}

// The critical extensions that verification evaluates, here or in OpenSSL's path validation.
constexpr std::array kEvaluated{NID_basic_constraints, NID_key_usage, NID_name_constraints};

// RFC 5280 section 4.2: a critical extension that is not evaluated refuses. OpenSSL lets pass those
// that it knows but is not asked about (extended key usage, policies).
Status require_evaluated(const X509* certificate, std::string_view where) {
  for (int i = 0; i < X509_get_ext_count(certificate); ++i) {
    X509_EXTENSION* extension = X509_get_ext(certificate, i);
    const ASN1_OBJECT* name = X509_EXTENSION_get_object(extension);
    if (X509_EXTENSION_get_critical(extension) == 0 ||
        std::ranges::find(kEvaluated, OBJ_obj2nid(name)) != kEvaluated.end()) {
      continue;
    }
    std::array<char, 80> oid{};
    OBJ_obj2txt(oid.data(), oid.size(), name, 1);
    return refuse_certificate(
        Errc::chain_invalid, where,
        std::string("critical extension ") + oid.data() + " is not evaluated");
  }
  return {};
}

bool has_flag(X509* certificate, std::uint32_t flag) {
  return (X509_get_extension_flags(certificate) & flag) != 0;
}

// Absent key usage allows everything by RFC 5280; here absence denies.
bool may(X509* certificate, std::uint32_t usage) {
  return has_flag(certificate, EXFLAG_KUSAGE) && (X509_get_key_usage(certificate) & usage) != 0;
}

}  // namespace

Result<Certificate> parse_certificate(base::BytesView der, std::string_view where) {
  CONCORDAT_TRY(OSSL_LIB_CTX * library, chain_crypto());
  auto parsed = base::parse_certificate_der(der, library);
  if (!parsed) return refuse_certificate(Errc::bad_certificate, where);
  X509* x509 = parsed->get();
  if (X509_get_version(x509) != X509_VERSION_3 || has_flag(x509, EXFLAG_INVALID)) {
    ERR_clear_error();
    return refuse_certificate(Errc::bad_certificate, where);
  }
  if (!is_p384(x509) || X509_get0_pubkey(x509) == nullptr) {
    ERR_clear_error();
    return refuse_certificate(Errc::certificate_not_p384, where);
  }
  if (X509_get_signature_nid(x509) != NID_ecdsa_with_SHA384) {
    return refuse_certificate(Errc::certificate_not_ecdsa_sha384, where);
  }
  CONCORDAT_CHECK(require_evaluated(x509, where));
  CONCORDAT_TRY(const UnixMillis not_before, to_time(X509_get0_notBefore(x509), where));
  CONCORDAT_TRY(const UnixMillis not_after, to_time(X509_get0_notAfter(x509), where));
  return Certificate{*std::move(parsed), {not_before, not_after}};
}

Status require_authority(X509* certificate, std::string_view where) {
  if (!has_flag(certificate, EXFLAG_BCONS) || !has_flag(certificate, EXFLAG_CA)) {
    return refuse_certificate(Errc::ca_without_basic_constraints, where);
  }
  if (!may(certificate, KU_KEY_CERT_SIGN))
    return refuse_certificate(Errc::ca_without_cert_sign, where);
  return {};
}

Status require_leaf(X509* certificate, std::string_view where) {
  if (has_flag(certificate, EXFLAG_CA) || X509_get_pathlen(certificate) != -1) {
    return refuse_certificate(Errc::leaf_is_ca, where);
  }
  if (!may(certificate, KU_DIGITAL_SIGNATURE)) {
    return refuse_certificate(Errc::leaf_without_digital_signature, where);
  }
  return {};
}

Status require_valid(const Validity& validity, UnixMillis at, std::string_view where) {
  if (at < validity.not_before) {
    return refuse_certificate(Errc::certificate_not_yet_valid, where,
                              "from " + base::format_rfc3339(validity.not_before) +
                                  ", checked at " + base::format_rfc3339(at));
  }
  if (at > validity.not_after) {
    return refuse_certificate(Errc::certificate_expired, where,
                              "until " + base::format_rfc3339(validity.not_after) +
                                  ", checked at " + base::format_rfc3339(at));
  }
  return {};
}

}  // namespace concordat::attest
