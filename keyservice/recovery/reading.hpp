// What the readers of sets and of their status share: items of one size, arrays of one length.
#pragma once

#include "attest/base/cbor.hpp"
#include "attest/base/hpke.hpp"
#include "policy/recovery_order.hpp"

namespace concordat::keyservice::recovery {

template <class Fixed>
[[nodiscard]] base::Result<Fixed> read_fixed(base::cbor::Reader& reader) {
  CONCORDAT_TRY(const base::BytesView bytes, reader.read_bytes(Fixed::kSize));
  return Fixed::from(bytes);
}

// missing_key where the array that comes has fewer items; too_large where it has more.
[[nodiscard]] inline base::Status want_array(base::cbor::Reader& reader, std::size_t count) {
  CONCORDAT_TRY(const std::size_t found, reader.read_array(count));
  if (found == count) return {};
  return base::Error(base::cbor::Errc::missing_key, "want " + std::to_string(count) + " items");
}

// A holder's key as HPKE takes it: both are 32 bytes of X25519.
[[nodiscard]] inline base::hpke::PublicKey sealing_key(const policy::HolderKey& key) {
  return *base::hpke::PublicKey::from(key.view());
}

}  // namespace concordat::keyservice::recovery
