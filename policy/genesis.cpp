#include "policy/genesis.hpp"

#include "attest/base/cbor.hpp"
#include "attest/claims.hpp"
#include "attest/mint.hpp"
#include "policy/finding.hpp"
#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::Result;

constexpr std::size_t kItems = 6;

Result<GenesisStatement> read_items(base::BytesView encoded) {
  base::cbor::Reader reader(encoded);
  GenesisStatement out;
  CONCORDAT_TRY(const auto challenge, reader.read_bytes(GenesisChallenge::kSize));
  CONCORDAT_TRY(out.challenge, GenesisChallenge::from(challenge));
  CONCORDAT_TRY(const auto policy, reader.read_bytes(PolicyDigest::kSize));
  CONCORDAT_TRY(out.policy, PolicyDigest::from(policy));
  CONCORDAT_TRY(out.kms_key_arn, reader.read_text(limits::kArnLength));
  CONCORDAT_TRY(const std::uint64_t generation, reader.read_uint());
  if (generation > UINT32_MAX) {
    return Error(base::cbor::Errc::too_large, "generation " + std::to_string(generation));
  }
  out.generation = static_cast<std::uint32_t>(generation);
  CONCORDAT_TRY(const auto blob, reader.read_bytes(base::Sha256Digest::kSize));
  CONCORDAT_TRY(out.blob, base::Sha256Digest::from(blob));
  CONCORDAT_TRY(const auto commitment, reader.read_bytes(limits::kCommitmentMax));
  if (commitment.size() < limits::kCommitmentMin) {
    return Error(base::EncodingErrc::wrong_length, "a commitment has 32 to 48 bytes");
  }
  out.commitment = base::to_bytes(commitment);
  CONCORDAT_CHECK(reader.finish());
  return out;
}

base::Status compare(const GenesisStatement& statement, const Model& model,
                     const PolicyDigest& digest, const GenesisChallenge& challenge) {
  if (statement.challenge != challenge) {
    return Error(GenesisErrc::other_challenge,
                 "wanted " + challenge.hex() + ", found " + statement.challenge.hex());
  }
  if (statement.policy != digest) {
    return Error(GenesisErrc::other_policy, "this file's digest is " + digest.hex() +
                                                ", the document names " + statement.policy.hex() +
                                                "; pin into the file that the custodian ran under");
  }
  if (statement.kms_key_arn != model.kms_key_arn) {
    return Error(GenesisErrc::other_kms_key, "wanted " + model.kms_key_arn.value_or("none") +
                                                 ", found " + quote(statement.kms_key_arn));
  }
  if (statement.generation != model.next_root_generation()) {
    return Error(GenesisErrc::other_generation,
                 "wanted " + std::to_string(model.next_root_generation()) + ", found " +
                     std::to_string(statement.generation));
  }
  return {};
}

}  // namespace

base::CodeInfo describe(GenesisErrc code) noexcept {
  switch (code) {
    case GenesisErrc::malformed:
      return {"genesis_malformed", "the genesis statement has another shape"};
    case GenesisErrc::other_challenge:
      return {"genesis_other_challenge", "the document answers another challenge"};
    case GenesisErrc::other_policy:
      return {"genesis_other_policy", "the root was made under another policy"};
    case GenesisErrc::other_kms_key:
      return {"genesis_other_kms_key", "the root was sealed under another KMS key"};
    case GenesisErrc::other_generation:
      return {"genesis_other_generation", "the root is of another generation"};
    case GenesisErrc::not_a_custodian:
      return {"genesis_not_a_custodian", "the document is of no enclave that may answer \"keys\""};
  }
  return {"unknown", "unknown genesis error"};
}

Result<GenesisStatement> read_genesis(const attest::VerifiedClaims& claims) {
  CONCORDAT_TRY(const auto items, attest::check_purpose(attest::Purpose::genesis, claims));
  if (items.count != kItems) {
    return Error(GenesisErrc::malformed,
                 std::to_string(items.count) + " items, want " + std::to_string(kItems));
  }
  auto statement = read_items(items.encoded);
  if (!statement) return Error(GenesisErrc::malformed, statement.error().to_string());
  return statement;
}

Result<GenesisEvidence> verify_genesis(const attest::VerifiedClaims& claims, const Model& model,
                                       const PolicyDigest& digest,
                                       const GenesisChallenge& challenge) {
  CONCORDAT_TRY(GenesisStatement statement, read_genesis(claims));
  CONCORDAT_CHECK(compare(statement, model, digest, challenge));
  const Purpose* const keys = model.purpose(kKeysPurpose);
  std::string reasons;
  for (const std::string& role : keys == nullptr ? std::vector<std::string>() : keys->responder) {
    const Evaluation evaluation =
        evaluate_role(model, role, claims, attest::authority_pcr16(model.authority));
    if (evaluation.verdict) return GenesisEvidence{std::move(statement), role, evaluation.image};
    reasons += (reasons.empty() ? "" : "; ") + role + ": " + evaluation.verdict.error().to_string();
  }
  return Error(GenesisErrc::not_a_custodian,
               reasons.empty() ? "policy lets no role answer \"keys\"" : reasons);
}

}  // namespace concordat::policy
