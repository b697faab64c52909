// What a genesis document says (a root is born inside a custodian, and its signers pin the
// commitment that the custodian attests to). user_data after the domain "concordat/genesis/1":
//   [challenge (32), policy digest (32), KMS key ARN (tstr), root generation (uint), SHA-256 of the
//   blob (32), commitment (32)]
#pragma once

#include <string>

#include "attest/mint.hpp"
#include "keyservice/root.hpp"

namespace concordat::keyservice {

using GenesisChallenge = base::FixedBytes<struct GenesisChallengeTag, 32>;

struct GenesisStatement {
  GenesisChallenge challenge;  // chosen by the signers, so that the document is new to them
  base::Sha256Digest policy_digest;
  std::string key_arn;
  std::uint32_t generation = 0;
  base::Sha256Digest blob_digest;
  RootCommitment commitment;
};

[[nodiscard]] attest::MintRequest genesis_document(const GenesisStatement& statement);

}  // namespace concordat::keyservice
