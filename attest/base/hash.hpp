// SHA-2 over public bytes; HKDF and HMAC over secrets (OpenSSL).
#pragma once

#include <initializer_list>
#include <memory>

#include "attest/base/bytes.hpp"
#include "attest/base/openssl.hpp"
#include "attest/base/secret.hpp"

namespace concordat::base {

[[nodiscard]] Sha256Digest sha256(std::initializer_list<BytesView> parts);
[[nodiscard]] Sha384Digest sha384(std::initializer_list<BytesView> parts);

// Incremental hash; after `finish` only `restart`. Copying forks the state, as a transcript needs.
template <class Digest>
class Hasher {
 public:
  Hasher();
  Hasher(const Hasher& other);
  Hasher& operator=(const Hasher& other);
  Hasher(Hasher&&) noexcept = default;
  Hasher& operator=(Hasher&&) noexcept = default;
  Hasher& update(BytesView bytes);
  [[nodiscard]] Digest finish();
  // As if it were new, without what a new one costs: a third of hashing a hundred bytes.
  Hasher& restart();

 private:
  DigestContextPtr context_;
};
using Sha256 = Hasher<Sha256Digest>;
using Sha384 = Hasher<Sha384Digest>;

// RFC 5869 with SHA-384. `salt` and `info` are public. Throws std::bad_alloc only.
[[nodiscard]] SecretBytes hkdf_extract(BytesView salt, const SecretBytes& input_key);
[[nodiscard]] SecretBytes hkdf_expand(const SecretBytes& pseudorandom_key, BytesView info,
                                      std::size_t size);

// RFC 2104 with SHA-256; 32 bytes.
[[nodiscard]] SecretBytes hmac_sha256(const SecretBytes& key, BytesView message);

}  // namespace concordat::base
