// What the readers of sets and of their status share.
#pragma once

#include "attest/base/cbor_fixed.hpp"
#include "attest/base/hpke.hpp"
#include "policy/recovery_order.hpp"

namespace concordat::keyservice::recovery {

// A holder's key as HPKE takes it: both are 32 bytes of X25519.
[[nodiscard]] inline base::hpke::PublicKey sealing_key(const policy::HolderKey& key) {
  return *base::hpke::PublicKey::from(key.view());
}

}  // namespace concordat::keyservice::recovery
