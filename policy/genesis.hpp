// The genesis document: a custodian's word, through its hypervisor, that it made the root whose
// commitment it states, under this policy and no other.
#pragma once

#include <vector>

#include "policy/evaluate.hpp"

namespace concordat::policy {

enum class GenesisErrc {
  malformed = 1,
  other_challenge,
  other_policy,
  other_kms_key,
  other_generation,
  not_a_custodian,
};
[[nodiscard]] base::CodeInfo describe(GenesisErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(GenesisErrc) {
  return "genesis";
}
[[nodiscard]] inline boost::system::error_code make_error_code(GenesisErrc e) {
  return base::enum_code(e);
}

using GenesisChallenge = base::FixedBytes<struct GenesisChallengeTag, 32>;

// What follows the domain in the document's user_data, one CBOR item each, in this order.
struct GenesisStatement {
  GenesisChallenge challenge;  // the signers', against a document of another day
  PolicyDigest policy;         // under which the root was made
  std::string kms_key_arn;
  std::uint32_t generation = 0;
  base::Sha256Digest blob;  // of the root as KMS sealed it
  base::Bytes commitment;   // 32 to 48 bytes
};

// What a verified document of purpose genesis states: genesis_malformed, and errors of the purpose.
[[nodiscard]] base::Result<GenesisStatement> read_genesis(const attest::VerifiedClaims& claims);

struct GenesisEvidence {
  GenesisStatement statement;
  std::string role;  // the custodian role that the document fits
  std::string image;
};

// `claims` are of an archived document, verified at its own time. That it was made for genesis,
// that it answers this challenge under exactly this policy (its digest) and KMS key, that the root
// is of the next generation, and that it is of an enclave that may answer "keys" under the policy's
// authority.
[[nodiscard]] base::Result<GenesisEvidence> verify_genesis(const attest::VerifiedClaims& claims,
                                                           const Model& model,
                                                           const PolicyDigest& digest,
                                                           const GenesisChallenge& challenge);

}  // namespace concordat::policy
