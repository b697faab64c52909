// Fields that changes and snapshots share, read strictly.
#pragma once

#include "attest/base/cbor.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/keyring/key_types.hpp"
#include "keyservice/keyring/state/grant_identity.hpp"

namespace concordat::keyservice {

// An unsigned integer of at most `max`; unexpected_type or too_large of CBOR otherwise.
[[nodiscard]] base::Result<std::uint64_t> read_at_most(base::cbor::Reader& reader,
                                                       std::uint64_t max);
[[nodiscard]] base::Result<std::uint32_t> read_uint32(base::cbor::Reader& reader);
// An enumerator from 1 to `last`.
template <class E>
[[nodiscard]] base::Result<E> read_enum(base::cbor::Reader& reader, E last) {
  CONCORDAT_TRY(const std::uint64_t value, read_at_most(reader, static_cast<std::uint64_t>(last)));
  if (value == 0) return base::Error(base::cbor::Errc::malformed, "0 means nothing");
  return static_cast<E>(value);
}
[[nodiscard]] base::Result<base::UnixMillis> read_time(base::cbor::Reader& reader);
[[nodiscard]] base::Result<GrantIdentity> read_grant(base::cbor::Reader& reader);
// Straight into a secret of its own.
[[nodiscard]] base::Result<base::SecretBytes> read_material(base::cbor::Reader& reader);

}  // namespace concordat::keyservice
