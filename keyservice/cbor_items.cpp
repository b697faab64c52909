#include "keyservice/keyring/state/state_fields.hpp"

#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/state/limits.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
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

Result<GrantIdentity> read_grant(Reader& reader) {
  CONCORDAT_TRY(const base::BytesView bytes, reader.read_bytes(GrantIdentity::kSize));
  return GrantIdentity::from(bytes);
}

Result<base::SecretBytes> read_material(Reader& reader) {
  CONCORDAT_TRY(const base::BytesView bytes, reader.read_bytes(kMaxMaterial));
  base::SecretBytes out = base::SecretBytes::zeroed(bytes.size());
  std::ranges::copy(bytes, out.expose_mutable(base::SecretAccess{}).begin());
  return out;
}

}  // namespace concordat::keyservice
