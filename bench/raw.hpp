// The raw operations that everything is measured against, straight from the libraries.
#pragma once

#include "attest/base/openssl.hpp"
#include "bench/timing.hpp"

namespace concordat::bench {

// One P-384 ECDSA signature over SHA-384 of `size` bytes, verified or made again and again.
class RawP384 {
 public:
  explicit RawP384(std::size_t size);
  [[nodiscard]] Work verification() const;
  [[nodiscard]] Work signing() const;

 private:
  base::PkeyPtr key_;
  base::Bytes message_;
  base::Bytes signature_;
};

// libsodium's scalar multiplication with a given point.
[[nodiscard]] Work raw_x25519();

// AES-256-GCM both ways over `size` bytes: one encryption and one decryption, with key schedules
// made once and a new nonce each, as a record layer at its best could do.
[[nodiscard]] Work raw_aes_gcm_both_ways(std::size_t size);

}  // namespace concordat::bench
