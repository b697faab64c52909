// The two attestation documents of recovery, and who may believe what of them.
//
//   recovery_set      of the custodian that made a set. nonce: the order's challenge; user_data
//   after
//                     the domain: [policy digest (32), order digest (32), SHA-256 of the set (32)]
//   recovery_target   of an enclave that asks for shares. nonce: the challenge of whoever begins;
//                     public_key: its X25519 key, made for this; user_data: [policy digest (32)]
//
// Documents are looked at hours after they were made, when their leaf certificate has ended: they
// are verified at their own time, and how old they may be is judged apart.
#pragma once

#include "attest/claims.hpp"
#include "attest/mint.hpp"
#include "keyservice/recovery/set.hpp"

namespace concordat::keyservice::recovery {

[[nodiscard]] attest::MintRequest set_document(const policy::SignedOrder<policy::MakeOrder>& order,
                                               const RecoverySet& set);
[[nodiscard]] attest::MintRequest target_document(const policy::RecoveryChallenge& challenge,
                                                  const policy::PolicyDigest& policy,
                                                  const base::hpke::PublicKey& key);

// A document of an enclave that `model`, whose digest is given, lets answer "keys".
struct CustodianEvidence {
  std::string role;
  std::string image;
  std::string module_id;
  base::UnixMillis made;
};
struct TargetEvidence {
  CustodianEvidence custodian;
  policy::HolderKey key;
  policy::RecoveryChallenge challenge;
};

// `claims`: verified at the document's own time. other_purpose and its kin, not_a_custodian,
// document_differs.
[[nodiscard]] base::Result<CustodianEvidence> verify_set_document(
    const attest::VerifiedClaims& claims, const policy::Model& model,
    const policy::SignedOrder<policy::MakeOrder>& order, const RecoverySet& set);
// The same, and that it is not older than a target's key counts: document_too_old.
[[nodiscard]] base::Result<TargetEvidence> verify_target_document(
    const attest::VerifiedClaims& claims, const policy::Model& model,
    const policy::PolicyDigest& policy, base::UnixMillis now);

}  // namespace concordat::keyservice::recovery
