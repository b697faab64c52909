#include "attest/base/sharing/scalar.hpp"

#include <sodium.h>

#include <stdexcept>

#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"

namespace concordat::base::sharing {
namespace {

static_assert(kScalarSize == crypto_core_ristretto255_SCALARBYTES);
// edwards25519 has the same scalars (RFC 9496 section 4.4): whoever shares keys of it uses these.
static_assert(kScalarSize == crypto_core_ed25519_SCALARBYTES);
constexpr std::size_t kWideScalarSize = crypto_core_ristretto255_NONREDUCEDSCALARBYTES;

const std::uint8_t* bytes_of(const SecretBytes& scalar) noexcept {
  return scalar.expose(SecretAccess{}).data();
}
std::uint8_t* bytes_of(SecretBytes& scalar) noexcept {
  return scalar.expose_mutable(SecretAccess{}).data();
}

}  // namespace

Scalar Scalar::random() {
  const StackWipe wipe;
  SecretBytes out = SecretBytes::zeroed(kScalarSize);
  crypto_core_ristretto255_scalar_random(bytes_of(out));
  return Scalar(std::move(out));
}

Scalar Scalar::from_number(std::uint32_t number) {
  SecretBytes out = SecretBytes::zeroed(kScalarSize);
  for (std::size_t i = 0; i < sizeof number; ++i)
    bytes_of(out)[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return Scalar(std::move(out));
}

Result<Scalar> Scalar::from_bytes(SecretBytes bytes) {
  if (bytes.size() != kScalarSize) {
    return Error(Errc::not_canonical, std::to_string(bytes.size()) + " bytes, want 32");
  }
  SecretBytes wide = SecretBytes::zeroed(kWideScalarSize);
  std::copy_n(bytes_of(bytes), kScalarSize, bytes_of(wide));
  if (reduced(wide).bytes_ != bytes) {
    return Error(Errc::not_canonical, "not below the order of the group");
  }
  return Scalar(std::move(bytes));
}

Scalar Scalar::reduced(const SecretBytes& wide) {
  if (wide.size() != kWideScalarSize) throw std::logic_error("not 64 bytes");
  const StackWipe wipe;
  SecretBytes out = SecretBytes::zeroed(kScalarSize);
  crypto_core_ristretto255_scalar_reduce(bytes_of(out), bytes_of(wide));
  return Scalar(std::move(out));
}

bool Scalar::is_zero() const noexcept {
  return sodium_is_zero(bytes_of(bytes_), kScalarSize) == 1;
}

Scalar& Scalar::operator+=(const Scalar& other) {
  const StackWipe wipe;
  crypto_core_ristretto255_scalar_add(bytes_of(bytes_), bytes_of(bytes_), bytes_of(other.bytes_));
  return *this;
}

Scalar& Scalar::operator-=(const Scalar& other) {
  const StackWipe wipe;
  crypto_core_ristretto255_scalar_sub(bytes_of(bytes_), bytes_of(bytes_), bytes_of(other.bytes_));
  return *this;
}

Scalar& Scalar::operator*=(const Scalar& other) {
  const StackWipe wipe;
  crypto_core_ristretto255_scalar_mul(bytes_of(bytes_), bytes_of(bytes_), bytes_of(other.bytes_));
  return *this;
}

Scalar Scalar::inverse() const {
  const StackWipe wipe;
  SecretBytes out = SecretBytes::zeroed(kScalarSize);
  if (crypto_core_ristretto255_scalar_invert(bytes_of(out), bytes_of(bytes_)) != 0) {
    throw std::logic_error("zero has no inverse");
  }
  return Scalar(std::move(out));
}

}  // namespace concordat::base::sharing
