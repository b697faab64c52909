// The root secret and what is derived from it. The root itself never leaves this class.
//
//   prk         = HKDF-Extract(salt = "concordat/root/1", root)                         (SHA-384)
//   commitment  = HKDF-Expand(prk, "concordat/root-commitment/1", 32)
//   key         = HKDF-Expand(prk, CBOR ["concordat/key/1", use, name, version], 32)
//   journal key = HKDF-Expand(prk, "concordat/journal-key/1", 48)
//   head key    = HKDF-Expand(prk, "concordat/head-key/1", 32)
//   audit key   = HKDF-Expand(prk, CBOR ["concordat/audit-key/1", origin], 32)
//
// `use` keeps the bytes that a worker may read apart from the seed that signs, and each operation's
// key from the others': whoever may `get` a name learns nothing of what signs or opens under it.
#pragma once

#include <cstdint>
#include <string_view>

#include "attest/base/secret.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {

using RootCommitment = base::FixedBytes<struct RootCommitmentTag, kCommitmentSize>;

// One a purpose of a derived key (keyservice/KEYRING.md); `secret` is what `get` gives.
enum class KeyUse { secret, ed25519_seed, encryption, wrapping, mac, derivation };
[[nodiscard]] std::string_view to_string(KeyUse use) noexcept;

class Root {
 public:
  // `root`: 32 bytes, wiped before this returns. Another size is wrong_root.
  [[nodiscard]] static base::Result<Root> create(std::uint32_t generation, base::SecretBytes root);

  // What another custodian gave (`prk`), in place of the root. Another size is wrong_root.
  [[nodiscard]] static base::Result<Root> from_prk(std::uint32_t generation, base::SecretBytes prk);
  // As good as the root: for another custodian alone, over a channel on which it was admitted as
  // one (replica_server.hpp).
  [[nodiscard]] base::SecretBytes prk() const { return prk_.clone(); }

  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  [[nodiscard]] const RootCommitment& commitment() const noexcept { return commitment_; }
  // wrong_root unless the commitment is `pinned` (constant time).
  [[nodiscard]] base::Status check_commitment(base::BytesView pinned) const;
  // 32 bytes. `name` was checked by the caller.
  [[nodiscard]] base::SecretBytes derive(KeyUse use, std::string_view name,
                                         std::uint32_t version) const;
  // Of which the key of each stored record is made (journal/sealer.hpp).
  [[nodiscard]] base::SecretBytes journal_key() const;
  // By which a custodian vouches for the journal's head (head_record.hpp).
  [[nodiscard]] base::SecretBytes head_key() const;
  // Seed of the Ed25519 key by which the audit log `origin` is known (audit/boot_statement.hpp).
  [[nodiscard]] base::SecretBytes audit_key(std::string_view origin) const;

 private:
  Root(std::uint32_t generation, base::SecretBytes prk);

  std::uint32_t generation_;
  base::SecretBytes prk_;
  RootCommitment commitment_;
};

}  // namespace concordat::keyservice
