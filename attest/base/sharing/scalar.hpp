// The scalar field that ristretto255 and edwards25519 share: numbers modulo the prime
// L = 2^252 + 27742317777372353535851937790883648493, little-endian, by libsodium in constant time.
// Whatever a scalar is, it lives in guarded memory: most are shares, or add up to secrets.
#pragma once

#include "attest/base/secret.hpp"
#include "attest/base/sharing/errc.hpp"

namespace concordat::base::sharing {

inline constexpr std::size_t kScalarSize = 32;

class Scalar {
 public:
  // Uniform, and never zero.
  [[nodiscard]] static Scalar random();
  [[nodiscard]] static Scalar from_number(std::uint32_t number);
  // not_canonical unless 32 bytes below L.
  [[nodiscard]] static Result<Scalar> from_bytes(SecretBytes bytes);
  // 64 bytes, a hash's for one, modulo L.
  [[nodiscard]] static Scalar reduced(const SecretBytes& wide);

  [[nodiscard]] Scalar clone() const { return Scalar(bytes_.clone()); }
  // 32 bytes, canonical.
  [[nodiscard]] const SecretBytes& bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool is_zero() const noexcept;

  Scalar& operator+=(const Scalar& other);
  Scalar& operator-=(const Scalar& other);
  Scalar& operator*=(const Scalar& other);
  // Of a number that is not zero: a programming error otherwise, and std::logic_error.
  [[nodiscard]] Scalar inverse() const;

  // Constant time.
  friend bool operator==(const Scalar& a, const Scalar& b) noexcept { return a.bytes_ == b.bytes_; }

 private:
  explicit Scalar(SecretBytes bytes) noexcept : bytes_(std::move(bytes)) {}

  SecretBytes bytes_;
};

}  // namespace concordat::base::sharing
