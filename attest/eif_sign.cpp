#include "attest/eif_sign.hpp"

#include "attest/base/ecdsa.hpp"
#include "attest/eif.hpp"
#include "attest/eif_cose.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Writer;

// serde writes Vec<u8> as an array of integers.
void write_byte_array(Writer& writer, BytesView bytes) {
  writer.array(bytes.size());
  for (const std::uint8_t byte : bytes)
    writer.uint(byte);
}

Status check_pair(BytesView certificate_pem, EVP_PKEY* key) {
  // A reader of the section takes DER too; nitro-cli's own takes PEM alone.
  if (!base::as_text(certificate_pem).starts_with("-----BEGIN")) {
    return Error(base::CryptoErrc::bad_certificate, "want PEM, beginning with -----BEGIN");
  }
  CONCORDAT_TRY(const base::X509Ptr certificate, base::parse_certificate(certificate_pem));
  if (X509_check_private_key(certificate.get(), key) == 1) return {};
  return Error(base::CryptoErrc::bad_key, "it is not the key of the signing certificate (" +
                                              base::take_openssl_errors() + ")");
}

Result<const eif_cose::Algorithm*> algorithm_of(EVP_PKEY* key) {
  const auto row = std::ranges::find(eif_cose::kAlgorithms, eif_cose::curve_of(key),
                                     &eif_cose::Algorithm::curve);
  if (row != eif_cose::kAlgorithms.end()) return &*row;
  return Error(EifErrc::unsupported_algorithm, "want a key on P-256, P-384 or P-521");
}

Bytes encode_payload(const PcrValue& pcr0) {
  Writer writer;
  writer.map(2).text("register_index").uint(0).text("register_value");
  write_byte_array(writer, pcr0.view());
  return std::move(writer).take();
}

Result<Bytes> sign(const eif_cose::Algorithm& algorithm, const PcrValue& pcr0, EVP_PKEY* key) {
  Writer header;
  header.map(1).uint(1).integer(algorithm.cose);
  const Bytes payload = encode_payload(pcr0);
  CONCORDAT_TRY(
      const Bytes signature,
      base::sign_ecdsa_raw(key, algorithm.hash(), eif_cose::signed_bytes(header.view(), payload)));
  Writer cose;
  cose.array(4).bytes(header.view()).map(0).bytes(payload).bytes(signature);
  return std::move(cose).take();
}

}  // namespace

Result<Bytes> sign_eif(const PcrValue& pcr0, BytesView certificate_pem, EVP_PKEY* key) {
  CONCORDAT_TRY(const eif_cose::Algorithm* algorithm, algorithm_of(key));
  CONCORDAT_CHECK(check_pair(certificate_pem, key));
  CONCORDAT_TRY(const Bytes cose, sign(*algorithm, pcr0, key));
  Writer section;
  section.array(1).map(2).text("signing_certificate");
  write_byte_array(section, certificate_pem);
  section.text("signature");
  write_byte_array(section, cose);
  return std::move(section).take();
}

}  // namespace concordat::attest
