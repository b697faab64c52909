// CBOR items of a known or bounded size: byte strings of a fixed type or of their own, arrays of
// one length.
#pragma once

#include "attest/base/cbor.hpp"

namespace concordat::base::cbor {

// Of a FixedBytes: too_large where it is longer, wrong_length where it is shorter.
template <class Fixed>
[[nodiscard]] Result<Fixed> read_fixed(Reader& reader) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(Fixed::kSize));
  return Fixed::from(bytes);
}

// A byte string of at most `max`, as bytes of its own.
[[nodiscard]] inline Result<Bytes> read_bytes(Reader& reader, std::size_t max) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(max));
  return to_bytes(bytes);
}

// missing_key where the array that comes has fewer items; too_large where it has more.
[[nodiscard]] inline Status want_array(Reader& reader, std::size_t count) {
  CONCORDAT_TRY(const std::size_t found, reader.read_array(count));
  if (found == count) return {};
  return Error(Errc::missing_key, "want " + std::to_string(count) + " items");
}

}  // namespace concordat::base::cbor
