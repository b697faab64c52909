// Single CBOR items, read strictly: of requests and responses, and of what the journal holds.
#pragma once

#include "attest/base/cbor_fixed.hpp"
#include "attest/base/clock.hpp"
#include "attest/base/secret.hpp"

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
template <class E>
[[nodiscard]] constexpr std::uint64_t number(E enumerator) noexcept {
  return static_cast<std::uint64_t>(enumerator);
}
[[nodiscard]] base::Result<base::UnixMillis> read_time(base::cbor::Reader& reader);
// A byte string of at most `max` into a secret: from one guarded place to another, where `reader`
// reads such memory.
[[nodiscard]] base::Result<base::SecretBytes> read_secret(base::cbor::Reader& reader,
                                                          std::size_t max);

// `head` and then `tail`, in guarded memory.
[[nodiscard]] base::SecretBytes guarded(base::BytesView head, base::BytesView tail);

}  // namespace concordat::keyservice
