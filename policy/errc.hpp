// Every way in which a policy file, a signature over one, or a peer judged by one can be refused.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::policy {

// What is wrong with a policy file (or another strict JSON file of this folder).
enum class PolicyErrc {
  too_large = 1,
  not_json,
  duplicate_key,
  unknown_key,
  missing_key,
  wrong_type,
  bad_value,
  too_many,
  dangling_name,
  weak_pin,
  bad_validity,
  bad_roots,
  custodian_unpinned,
  key_reused,
  purpose_misused,
  // Warnings of `concordat policy check`; never a reason for an enclave to refuse.
  role_unpinned,
  roles_overlap,
  nobody_admitted,
  unused,
  ends_soon,
  rotates_often,
  uses_unaudited,
};
[[nodiscard]] base::CodeInfo describe(PolicyErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(PolicyErrc) {
  return "policy";
}
[[nodiscard]] inline boost::system::error_code make_error_code(PolicyErrc e) {
  return base::enum_code(e);
}

// Why a signed policy is not taken.
enum class SignatureErrc {
  bad_envelope = 1,
  wrong_payload_type,
  too_few_signatures,
  authority_differs,
  realm_differs,
  not_yet_valid,
  expired,
  serial_lower,
  serial_conflict,
  no_policy,
  not_a_signer,
  bad_signature,
};
[[nodiscard]] base::CodeInfo describe(SignatureErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(SignatureErrc) {
  return "policy_signature";
}
[[nodiscard]] inline boost::system::error_code make_error_code(SignatureErrc e) {
  return base::enum_code(e);
}

// Why a freshness statement is not taken, or a policy that wants one is not obeyed.
enum class FreshnessErrc {
  malformed = 1,
  not_wanted,
  not_signed,
  other_policy,
  in_future,
  too_old,
  older,
  missing,
};
[[nodiscard]] base::CodeInfo describe(FreshnessErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(FreshnessErrc) {
  return "freshness";
}
[[nodiscard]] inline boost::system::error_code make_error_code(FreshnessErrc e) {
  return base::enum_code(e);
}

// Why a peer, or a request of an admitted peer, is refused. In the order of evaluation.
enum class AdmissionErrc {
  purpose_unknown = 1,
  own_role_unknown,
  own_role_not_in_purpose,
  peer_role_unknown,
  peer_role_not_in_purpose,
  operator_unknown,
  operator_not_in_purpose,
  bad_operator_signature,
  debug_document,
  own_authority_unset,
  authority_differs,
  no_image,
  image_differs,
  account_differs,
  instance_differs,
  role_full,
  bad_key_name,
  not_granted,
  grant_expired,
  // Of a party of a session.
  session_unknown,
  own_role_not_in_session,
  realm_not_in_session,
  session_authority_differs,
  role_not_in_session,
};
[[nodiscard]] base::CodeInfo describe(AdmissionErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(AdmissionErrc) {
  return "admission";
}
[[nodiscard]] inline boost::system::error_code make_error_code(AdmissionErrc e) {
  return base::enum_code(e);
}

}  // namespace concordat::policy
