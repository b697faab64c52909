// The two nonces of one signature share (RFC 9591 sections 4.1 and 5.1). A pair that made two
// shares gives the key's share away: it cannot be copied, is never encoded, and is spent by the
// only function that uses it.
#pragma once

#include <map>

#include "session/protocols/frost/key_share.hpp"

namespace concordat::session::frost {

struct NonceCommitment {
  static constexpr std::size_t kSize = 2 * kElementSize;

  Element hiding;
  Element binding;

  // The hiding one first. wrong_size, not_an_element.
  [[nodiscard]] static base::Result<NonceCommitment> decode(base::BytesView encoded);
  [[nodiscard]] base::Bytes encoded() const;
  friend bool operator==(const NonceCommitment&, const NonceCommitment&) = default;
};
// RFC 9591's commitment_list: in the order of the identifiers.
using CommitmentList = std::map<Index, NonceCommitment>;

class Nonces {
 public:
  // For one signature share under `context`: whatever tells this use from every other.
  [[nodiscard]] static Nonces generate(const KeyShare& share, const base::Sha256Digest& context);
  Nonces(Nonces&&) noexcept = default;
  Nonces& operator=(Nonces&&) noexcept = default;
  Nonces(const Nonces&) = delete;
  Nonces& operator=(const Nonces&) = delete;
  ~Nonces() = default;  // wipes

  [[nodiscard]] const NonceCommitment& commitment() const noexcept { return commitment_; }
  // Given away: nothing is left here.
  [[nodiscard]] bool spent() const noexcept { return hiding_.bytes().empty(); }

 private:
  friend class SigningPackage;
  friend class NonceVector;  // the RFC's test vectors
  Nonces(Scalar hiding, Scalar binding, const NonceCommitment& commitment) noexcept
      : hiding_(std::move(hiding)), binding_(std::move(binding)), commitment_(commitment) {}
  // nonce_generate, twice, with these as the random bytes.
  [[nodiscard]] static Nonces from(const Scalar& secret, const base::SecretBytes& hiding,
                                   const base::SecretBytes& binding);

  Scalar hiding_;
  Scalar binding_;
  NonceCommitment commitment_;
};

}  // namespace concordat::session::frost
