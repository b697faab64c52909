// Why an attestation document was refused: the closed list of codes, each belonging to one step.
// Codes and steps appear in JSON output, logs and metrics; attest/REFUSALS.md is this list for
// readers, and a test keeps the two equal.
#pragma once

#include <span>

#include "attest/base/result.hpp"

namespace concordat::attest {

// In the order in which a document meets them. A document is refused at the first that fails.
enum class Step { parse, root, chain, signature, debug, time, nonce, pcr };
[[nodiscard]] std::string_view name(Step step) noexcept;

enum class Errc {
  // parse: before any cryptography
  document_too_large = 1,
  truncated,
  malformed_cbor,
  not_preferred_encoding,
  trailing_bytes,
  wrong_type,
  not_cose_sign1,
  algorithm_not_es384,
  unprotected_header_not_empty,
  signature_length,
  nitrotpm_document,
  unknown_key,
  duplicate_key,
  missing_field,
  bad_module_id,
  digest_not_sha384,
  bad_timestamp,
  bad_pcr_count,
  bad_pcr_index,
  bad_pcr_length,
  bad_certificate_length,
  bad_cabundle_count,
  field_too_long,
  // root
  untrusted_root,
  // chain
  bad_certificate,
  certificate_not_p384,
  certificate_not_ecdsa_sha384,
  ca_without_basic_constraints,
  ca_without_cert_sign,
  leaf_is_ca,
  leaf_without_digital_signature,
  chain_broken,
  path_length_exceeded,
  certificate_signature_invalid,
  chain_invalid,
  certificate_not_yet_valid,
  certificate_expired,
  // signature
  signature_invalid,
  // debug
  debug_mode,
  image_pcrs_missing,
  // time
  document_too_old,
  document_from_future,
  // nonce
  nonce_missing,
  nonce_mismatch,
  // pcr
  pcr_missing,
  pcr_mismatch,
};

struct Refusal {
  Errc code;
  Step step;
  std::string_view name;     // stable, snake_case
  std::string_view message;  // one sentence
};
// Every code once, in order.
[[nodiscard]] std::span<const Refusal> refusals() noexcept;

[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "attest";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

// The refusal that an error of this module is; null for any other error (I/O, for instance).
[[nodiscard]] const Refusal* find_refusal(const base::Error& error) noexcept;

}  // namespace concordat::attest
