// The one place where attestation documents are asked for, from a closed table of purposes, and the
// check that a verified document was made for the purpose at hand.
//
// purpose              user_data (array, first element)   nonce      public_key
// handshake_initiator  "concordat/1/initiator"            32 bytes   44 bytes (X25519 SPKI)
// handshake_responder  "concordat/1/responder"            32 bytes   44 bytes (X25519 SPKI)
// session_initiator    "concordat/1/session/initiator"    32 bytes   44 bytes (X25519 SPKI)
// session_responder    "concordat/1/session/responder"    32 bytes   44 bytes (X25519 SPKI)
// kms_recipient        null                               null       1..1024 (RSA SPKI)
// genesis              "concordat/genesis/1"              null       null
// application          "concordat/application/1"          optional   null
// audit                "concordat/audit/1"                null       44 bytes (Ed25519 SPKI)
// recovery_set         "concordat/recovery-set/1"         32 bytes   null
// recovery_target      "concordat/recovery-target/1"      32 bytes   44 bytes (X25519 SPKI)
// clock                null                               null       null
//
// No two rows can be satisfied by one document, so that none made for one purpose serves another.
// Clock documents are read inside the enclave and never leave it (trusted_clock.hpp).
#pragma once

#include "attest/nsm.hpp"

namespace concordat::attest {

class VerifiedClaims;

enum class Purpose {
  handshake_initiator = 1,
  handshake_responder,
  kms_recipient,
  genesis,
  application,
  audit,
  recovery_set,
  recovery_target,
  session_initiator,
  session_responder,
  clock,
};
// The enumerator's name.
[[nodiscard]] std::string_view to_string(Purpose purpose) noexcept;
// The first element of user_data; empty where user_data is null.
[[nodiscard]] std::string_view domain_of(Purpose purpose) noexcept;

enum class PurposeErrc {
  field_missing = 1,
  field_forbidden,
  field_size,
  user_data_too_large,
  user_data_malformed,
  other_purpose,
};
[[nodiscard]] base::CodeInfo describe(PurposeErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(PurposeErrc) {
  return "purpose";
}
[[nodiscard]] inline boost::system::error_code make_error_code(PurposeErrc e) {
  return base::enum_code(e);
}

// What follows the domain in user_data: `count` CBOR items, preferred encoding, one after another.
// What they mean is the purpose's own business.
struct UserDataItems {
  base::Bytes encoded;
  std::size_t count = 0;
};

struct MintRequest {
  Purpose purpose = Purpose::application;
  UserDataItems items;  // must be empty where user_data is null
  std::optional<base::Bytes> nonce;
  std::optional<base::Bytes> public_key;
};

// The encoded document. Refuses what the table does not allow before the module is asked; a
// user_data of more than 1,024 bytes in all is user_data_too_large.
[[nodiscard]] base::Result<base::Bytes> mint(NsmTransport& nsm, const MintRequest& request);

// That verified claims keep the table's row exactly; returns what follows the domain (nothing where
// user_data is null). Not here: that nonce and public_key have the right *value*.
[[nodiscard]] base::Result<UserDataItems> check_purpose(Purpose purpose,
                                                        const VerifiedClaims& claims);

// The three fields of a document that its maker chooses. Views into what the caller keeps.
struct ChosenFields {
  std::optional<base::BytesView> user_data;
  std::optional<base::BytesView> nonce;
  std::optional<base::BytesView> public_key;
};

// The same rule over bare fields, whoever made them.
[[nodiscard]] base::Result<UserDataItems> check_purpose(Purpose purpose,
                                                        const ChosenFields& fields);

}  // namespace concordat::attest
