#include "keyservice/cbor_items.hpp"

#include <algorithm>

#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::cbor::Reader;

Result<std::uint64_t> read_at_most(Reader& reader, std::uint64_t max) {
  CONCORDAT_TRY(const std::uint64_t value, reader.read_uint());
  if (value > max) return Error(base::cbor::Errc::too_large, std::to_string(value));
  return value;
}

Result<std::uint32_t> read_uint32(Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t value, read_at_most(reader, UINT32_MAX));
  return static_cast<std::uint32_t>(value);
}

Result<base::UnixMillis> read_time(Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t value, read_at_most(reader, INT64_MAX));
  return base::UnixMillis{static_cast<std::int64_t>(value)};
}

Result<SecretBytes> read_secret(Reader& reader, std::size_t max) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(max));
  return guarded(bytes, {});
}

SecretBytes guarded(BytesView head, BytesView tail) {
  SecretBytes out = SecretBytes::zeroed(head.size() + tail.size());
  const auto bytes = out.expose_mutable(SecretAccess{});
  std::ranges::copy(head, bytes.begin());
  std::ranges::copy(tail, bytes.begin() + static_cast<std::ptrdiff_t>(head.size()));
  return out;
}

}  // namespace concordat::keyservice
