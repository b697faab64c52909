// Whether 32 bytes are somebody's public key: one that only its owner can use, in its one encoding,
// so that equal keys are equal bytes.
#pragma once

#include "policy/model.hpp"

namespace concordat::policy {

// Ed25519: a point of the curve's main subgroup in canonical form, as signers of the authority.
[[nodiscard]] bool is_public_key(const attest::SignerKey& key) noexcept;
// X25519: a u-coordinate below the prime (X25519 itself ignores the highest bit and reduces the
// rest, RFC 7748 section 5) and not of low order (whose shared secrets everybody knows).
[[nodiscard]] bool is_public_key(const HolderKey& key) noexcept;

}  // namespace concordat::policy
