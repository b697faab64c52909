#include "attest/refusal.hpp"

#include <array>

namespace concordat::attest {
namespace {

constexpr std::array kRefusals{
    Refusal{Errc::document_too_large, Step::parse, "document_too_large",
            "document is larger than 16 KiB"},
    Refusal{Errc::truncated, Step::parse, "truncated", "document ends in the middle of an item"},
    Refusal{Errc::malformed_cbor, Step::parse, "malformed_cbor", "not well-formed CBOR"},
    Refusal{Errc::not_preferred_encoding, Step::parse, "not_preferred_encoding",
            "CBOR length or integer not in its shortest form, or a string in chunks"},
    Refusal{Errc::trailing_bytes, Step::parse, "trailing_bytes", "bytes after the end"},
    Refusal{Errc::wrong_type, Step::parse, "wrong_type", "field of another CBOR type"},
    Refusal{Errc::not_cose_sign1, Step::parse, "not_cose_sign1",
            "not a COSE_Sign1 array of four (untagged or tag 18)"},
    Refusal{Errc::algorithm_not_es384, Step::parse, "algorithm_not_es384",
            "protected header is not exactly {1: -35} (ES384)"},
    Refusal{Errc::unprotected_header_not_empty, Step::parse, "unprotected_header_not_empty",
            "unprotected header is not the empty map"},
    Refusal{Errc::signature_length, Step::parse, "signature_length",
            "COSE signature is not 96 bytes (r and s of P-384)"},
    Refusal{Errc::nitrotpm_document, Step::parse, "nitrotpm_document",
            "document of a NitroTPM, not of an enclave"},
    Refusal{Errc::unknown_key, Step::parse, "unknown_key",
            "payload key that no enclave document has"},
    Refusal{Errc::duplicate_key, Step::parse, "duplicate_key", "payload key or PCR appears twice"},
    Refusal{Errc::missing_field, Step::parse, "missing_field",
            "mandatory payload field absent or null"},
    Refusal{Errc::bad_module_id, Step::parse, "bad_module_id", "module_id is empty or too long"},
    Refusal{Errc::digest_not_sha384, Step::parse, "digest_not_sha384", "digest is not \"SHA384\""},
    Refusal{Errc::bad_timestamp, Step::parse, "bad_timestamp",
            "timestamp is zero or after the year 9999"},
    Refusal{Errc::bad_pcr_count, Step::parse, "bad_pcr_count",
            "pcrs does not hold 1 to 32 entries"},
    Refusal{Errc::bad_pcr_index, Step::parse, "bad_pcr_index", "PCR index is not 0 to 31"},
    Refusal{Errc::bad_pcr_length, Step::parse, "bad_pcr_length", "PCR is not 48 bytes"},
    Refusal{Errc::bad_certificate_length, Step::parse, "bad_certificate_length",
            "certificate is not 1 to 1024 bytes"},
    Refusal{Errc::bad_cabundle_count, Step::parse, "bad_cabundle_count",
            "cabundle does not hold 1 to 8 certificates"},
    Refusal{Errc::field_too_long, Step::parse, "field_too_long",
            "public_key, user_data or nonce longer than 1024 bytes"},
    Refusal{Errc::untrusted_root, Step::root, "untrusted_root",
            "cabundle[0] is not a trusted root certificate"},
    Refusal{Errc::bad_certificate, Step::chain, "bad_certificate",
            "not an X.509 version 3 certificate in DER"},
    Refusal{Errc::certificate_not_p384, Step::chain, "certificate_not_p384",
            "certificate's key is not on the named curve P-384"},
    Refusal{Errc::certificate_not_ecdsa_sha384, Step::chain, "certificate_not_ecdsa_sha384",
            "certificate is not signed by ECDSA with SHA-384"},
    Refusal{Errc::ca_without_basic_constraints, Step::chain, "ca_without_basic_constraints",
            "issuing certificate is not a CA by its basic constraints"},
    Refusal{Errc::ca_without_cert_sign, Step::chain, "ca_without_cert_sign",
            "issuing certificate may not sign certificates by its key usage"},
    Refusal{Errc::leaf_is_ca, Step::chain, "leaf_is_ca",
            "leaf certificate is a CA or limits a path"},
    Refusal{Errc::leaf_without_digital_signature, Step::chain, "leaf_without_digital_signature",
            "leaf certificate may not sign by its key usage"},
    Refusal{Errc::chain_broken, Step::chain, "chain_broken",
            "certificate was not issued by the one before it in the bundle"},
    Refusal{Errc::path_length_exceeded, Step::chain, "path_length_exceeded",
            "more certificates below a CA than its path length allows"},
    Refusal{Errc::certificate_signature_invalid, Step::chain, "certificate_signature_invalid",
            "certificate's signature does not verify"},
    Refusal{Errc::chain_invalid, Step::chain, "chain_invalid",
            "certificate chain is invalid for another reason (RFC 5280)"},
    Refusal{Errc::certificate_not_yet_valid, Step::chain, "certificate_not_yet_valid",
            "certificate not yet valid at the time of verification"},
    Refusal{Errc::certificate_expired, Step::chain, "certificate_expired",
            "certificate expired at the time of verification"},
    Refusal{Errc::signature_invalid, Step::signature, "signature_invalid",
            "COSE signature does not verify with the leaf's key"},
    Refusal{Errc::debug_mode, Step::debug, "debug_mode",
            "enclave runs in debug mode (PCR0, PCR1 or PCR2 is zero)"},
    Refusal{Errc::image_pcrs_missing, Step::debug, "image_pcrs_missing",
            "document has none of PCR0, PCR1 and PCR2, so no image is named"},
    Refusal{Errc::document_too_old, Step::time, "document_too_old",
            "document is older than the age limit"},
    Refusal{Errc::document_from_future, Step::time, "document_from_future",
            "document's timestamp lies in the future"},
    Refusal{Errc::nonce_missing, Step::nonce, "nonce_missing", "document has no nonce"},
    Refusal{Errc::nonce_mismatch, Step::nonce, "nonce_mismatch", "nonce is not the one asked for"},
    Refusal{Errc::pcr_missing, Step::pcr, "pcr_missing", "document lacks a required PCR"},
    Refusal{Errc::pcr_mismatch, Step::pcr, "pcr_mismatch", "PCR differs from the required value"},
};

}  // namespace

std::string_view name(Step step) noexcept {
  switch (step) {
    case Step::parse:
      return "parse";
    case Step::root:
      return "root";
    case Step::chain:
      return "chain";
    case Step::signature:
      return "signature";
    case Step::debug:
      return "debug";
    case Step::time:
      return "time";
    case Step::nonce:
      return "nonce";
    case Step::pcr:
      return "pcr";
  }
  return "unknown";
}

std::span<const Refusal> refusals() noexcept {
  return kRefusals;
}

base::CodeInfo describe(Errc code) noexcept {
  for (const Refusal& refusal : kRefusals) {
    if (refusal.code == code) return {refusal.name, refusal.message};
  }
  return {"unknown", "unknown attestation error"};
}

const Refusal* find_refusal(const base::Error& error) noexcept {
  for (const Refusal& refusal : kRefusals) {
    if (error.is(refusal.code)) return &refusal;
  }
  return nullptr;
}

}  // namespace concordat::attest
