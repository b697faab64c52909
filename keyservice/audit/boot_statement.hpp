// By which key a boot of a custodian signs checkpoints: its attestation document says so (purpose
// "audit", attest/mint.hpp). public_key is the key; user_data after the domain "concordat/audit/1":
//
//   [origin (tstr), boot (16), log key (32), policy digest (32)]
//
// The log key is the log's own from boot to boot, derived from the root (Root::audit_key): by it
// witnesses know the log, and a custodian knows what another boot wrote. The boot's key says which
// enclave signed.
#pragma once

#include "attest/mint.hpp"
#include "keyservice/audit/entry.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice::audit {

struct BootStatement {
  std::string origin;
  BootId boot;
  attest::SignerKey boot_key;
  attest::SignerKey log_key;
  policy::PolicyDigest policy;  // in force when the boot took the log over

  friend bool operator==(const BootStatement&, const BootStatement&) = default;
};

[[nodiscard]] attest::MintRequest boot_document(const BootStatement& statement);
// Of a document verified at its own time. Errors of the purpose table, and malformed_statement.
[[nodiscard]] base::Result<BootStatement> read_boot_statement(const attest::VerifiedClaims& claims);

}  // namespace concordat::keyservice::audit
