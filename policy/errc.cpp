#include "policy/errc.hpp"

namespace concordat::policy {

base::CodeInfo describe(PolicyErrc code) noexcept {
  switch (code) {
    case PolicyErrc::too_large:
      return {"policy_too_large", "the file is larger than allowed"};
    case PolicyErrc::not_json:
      return {"not_json", "not strict JSON in UTF-8"};
    case PolicyErrc::duplicate_key:
      return {"duplicate_key", "a key appears twice in one object"};
    case PolicyErrc::unknown_key:
      return {"unknown_key", "a key that the format does not know"};
    case PolicyErrc::missing_key:
      return {"missing_key", "a required key is missing"};
    case PolicyErrc::wrong_type:
      return {"wrong_type", "a value of the wrong JSON type"};
    case PolicyErrc::bad_value:
      return {"bad_value", "a value outside what the format allows"};
    case PolicyErrc::too_many:
      return {"too_many", "more entries than allowed"};
    case PolicyErrc::dangling_name:
      return {"dangling_name", "a name that the file does not define"};
    case PolicyErrc::weak_pin:
      return {"weak_pin", "a pin that does not identify an image"};
    case PolicyErrc::bad_validity:
      return {"bad_validity", "a validity that the format does not allow"};
    case PolicyErrc::bad_roots:
      return {"bad_roots", "root generations that contradict one another"};
    case PolicyErrc::custodian_unpinned:
      return {"custodian_unpinned", "a custodian role that anyone's account could hold"};
    case PolicyErrc::key_reused:
      return {"key_reused", "one key holds two offices"};
    case PolicyErrc::purpose_misused:
      return {"purpose_misused", "a purpose asked for or answered by whom it is not for"};
    case PolicyErrc::role_unpinned:
      return {"role_unpinned", "a role that anyone's account could hold"};
    case PolicyErrc::roles_overlap:
      return {"roles_overlap", "two roles that one enclave can play"};
    case PolicyErrc::nobody_admitted:
      return {"nobody_admitted", "an entry under which nobody can be admitted"};
    case PolicyErrc::unused:
      return {"unused", "an entry that nothing uses"};
    case PolicyErrc::ends_soon:
      return {"ends_soon", "the validity has ended or is about to"};
    case PolicyErrc::rotates_often:
      return {"rotates_often", "keys are rotated more often than they can be for long"};
    case PolicyErrc::uses_unaudited:
      return {"uses_unaudited", "some uses have no entry in the audit log"};
  }
  return {"unknown", "unknown policy error"};
}

base::CodeInfo describe(SignatureErrc code) noexcept {
  switch (code) {
    case SignatureErrc::bad_envelope:
      return {"bad_envelope", "not a DSSE envelope"};
    case SignatureErrc::wrong_payload_type:
      return {"wrong_payload_type", "the envelope holds a payload of another type"};
    case SignatureErrc::too_few_signatures:
      return {"too_few_signatures", "fewer valid signatures by distinct signers than required"};
    case SignatureErrc::authority_differs:
      return {"policy_authority_differs", "the policy is for another authority"};
    case SignatureErrc::realm_differs:
      return {"policy_realm_differs", "the policy is for another realm"};
    case SignatureErrc::not_yet_valid:
      return {"policy_not_yet_valid", "the policy is not valid yet"};
    case SignatureErrc::expired:
      return {"policy_expired", "the policy has expired"};
    case SignatureErrc::serial_lower:
      return {"policy_serial_lower", "a policy with a higher serial is in force"};
    case SignatureErrc::serial_conflict:
      return {"policy_serial_conflict", "a different policy with the same serial is in force"};
    case SignatureErrc::no_policy:
      return {"no_policy", "no policy is in force"};
    case SignatureErrc::not_a_signer:
      return {"not_a_signer", "the key is none of the authority's signers"};
    case SignatureErrc::bad_signature:
      return {"bad_signature", "the signature does not verify under the signer's public key"};
  }
  return {"unknown", "unknown signature error"};
}

base::CodeInfo describe(FreshnessErrc code) noexcept {
  switch (code) {
    case FreshnessErrc::malformed:
      return {"freshness_malformed", "not a freshness statement"};
    case FreshnessErrc::not_wanted:
      return {"freshness_not_wanted", "the policy in force names no freshness key"};
    case FreshnessErrc::not_signed:
      return {"freshness_not_signed", "not signed by the policy's freshness key alone"};
    case FreshnessErrc::other_policy:
      return {"freshness_other_policy", "the statement is for another policy"};
    case FreshnessErrc::in_future:
      return {"freshness_in_future", "the statement is dated in the future"};
    case FreshnessErrc::too_old:
      return {"freshness_too_old",
              "nobody has confirmed for too long that the policy is the newest"};
    case FreshnessErrc::older:
      return {"freshness_older", "a newer statement is at hand"};
    case FreshnessErrc::missing:
      return {"freshness_missing", "nobody has confirmed that the policy is the newest"};
  }
  return {"unknown", "unknown freshness error"};
}

base::CodeInfo describe(AdmissionErrc code) noexcept {
  switch (code) {
    case AdmissionErrc::purpose_unknown:
      return {"purpose_unknown", "policy does not know the purpose"};
    case AdmissionErrc::own_role_unknown:
      return {"own_role_unknown", "policy does not know this side's own role"};
    case AdmissionErrc::own_role_not_in_purpose:
      return {"own_role_not_in_purpose", "policy does not give this side's role that purpose"};
    case AdmissionErrc::peer_role_unknown:
      return {"peer_role_unknown", "policy does not know the peer's role"};
    case AdmissionErrc::peer_role_not_in_purpose:
      return {"peer_role_not_in_purpose", "policy does not give the peer's role that purpose"};
    case AdmissionErrc::operator_unknown:
      return {"operator_unknown", "policy lists no operator with that key"};
    case AdmissionErrc::operator_not_in_purpose:
      return {"operator_not_in_purpose", "policy does not give the operator that purpose"};
    case AdmissionErrc::bad_operator_signature:
      return {"bad_operator_signature", "the operator's signature does not verify"};
    case AdmissionErrc::debug_document:
      return {"peer_in_debug_mode", "the peer runs in debug mode"};
    case AdmissionErrc::own_authority_unset:
      return {"own_authority_unset", "this side has not measured its authority into PCR16"};
    case AdmissionErrc::authority_differs:
      return {"peer_authority_differs", "the peer's PCR16 names another authority"};
    case AdmissionErrc::no_image:
      return {"role_has_no_image", "policy names no image for the role"};
    case AdmissionErrc::image_differs:
      return {"image_differs", "the peer's image is none of the role's"};
    case AdmissionErrc::account_differs:
      return {"account_differs", "the peer's PCR3 is none of the role's accounts"};
    case AdmissionErrc::instance_differs:
      return {"instance_differs", "the peer's PCR4 is none of the role's instances"};
    case AdmissionErrc::role_full:
      return {"role_full", "as many enclaves of the role as policy allows have live channels"};
    case AdmissionErrc::bad_key_name:
      return {"bad_key_name", "not a key name"};
    case AdmissionErrc::not_granted:
      return {"not_granted", "policy does not grant that to the role"};
    case AdmissionErrc::grant_expired:
      return {"grant_expired", "the grant has expired"};
    case AdmissionErrc::session_unknown:
      return {"session_unknown", "policy has no rule for the session's id and protocol"};
    case AdmissionErrc::own_role_not_in_session:
      return {"own_role_not_in_session", "policy does not let this side's role into the session"};
    case AdmissionErrc::realm_not_in_session:
      return {"realm_not_in_session", "policy does not let the party's realm into the session"};
    case AdmissionErrc::session_authority_differs:
      return {"session_authority_differs",
              "the session names another authority for the realm than policy does"};
    case AdmissionErrc::role_not_in_session:
      return {"role_not_in_session", "policy does not give the party's realm that role"};
  }
  return {"unknown", "unknown admission error"};
}

}  // namespace concordat::policy
