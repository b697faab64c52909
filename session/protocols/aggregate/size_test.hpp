// Which groups have fewer rows than the smallest that may be shown, and nothing else of their
// sizes.
//
// Each group's size C is shared additively among the parties, modulo the order L of ristretto255:
// party j has t_j, and the t_j add up to C. With a key that only all parties together have
// (ElGamal; its public key P is the sum of theirs) each encrypts t_j B, B the base point. The sum
// of these is C B; minus v B, for v = 0 .. k - 1, it is the identity for one v if C < k, and for
// none otherwise. In turn every party multiplies each ciphertext by a random number, which leaves
// the identity and makes anything else random, encrypts it anew and sorts the k of each group,
// which hides which v it was. Then all decrypt: an identity says that the group is too small.
//
// Private against everybody but all parties together, if each follows the protocol (DDH).
#pragma once

#include <vector>

#include "attest/base/sharing/group.hpp"

namespace concordat::session::aggregate {

using Group = base::sharing::Ristretto255;
using Element = Group::Element;
using base::sharing::Scalar;

// r B and m + r P.
struct Ciphertext {
  Element mask;
  Element message;
  friend auto operator<=>(const Ciphertext&, const Ciphertext&) = default;
};

// Shares of one number for each group, behind the words of a letter: groups times kScalarSize bytes
// from `at` on. Canonical or not_canonical.
[[nodiscard]] base::Status check_size_shares(const base::SecretBytes& letter, std::size_t at,
                                             std::size_t groups);

class SizeTest {
 public:
  // `sizes`: of this party's groups.
  SizeTest(std::size_t groups, std::size_t smallest, std::vector<Scalar> sizes)
      : groups_(groups), smallest_(smallest), shares_(std::move(sizes)) {}

  // Splits off a share of each group's size, into a letter from `at` on.
  void deal(base::SecretBytes& letter, std::size_t at);
  // Adds what another party split off.
  [[nodiscard]] base::Status add(const base::SecretBytes& letter, std::size_t at);

  // This party's part of the public key, and then the whole key.
  [[nodiscard]] base::Bytes key_share() const;
  [[nodiscard]] base::Status set_key(const std::vector<base::BytesView>& shares);

  // A ciphertext for each group: of this party's share of its size.
  [[nodiscard]] base::Result<base::Bytes> encrypted() const;
  // Of every party; makes the list of `smallest` ciphertexts for each group.
  [[nodiscard]] base::Status begin(const std::vector<base::BytesView>& encrypted);
  // The list as this party leaves it after its turn, and as somebody left it.
  [[nodiscard]] base::Result<base::Bytes> mixed() const;
  [[nodiscard]] base::Status set_list(base::BytesView list);

  // This party's part of the decryption, an element for each ciphertext, and of every party: of
  // each group whether it is large enough.
  [[nodiscard]] base::Result<base::Bytes> decryption_share() const;
  [[nodiscard]] base::Result<std::vector<bool>> large_enough(
      const std::vector<base::BytesView>& shares) const;

  // Elements, none the identity, in a broadcast of each kind.
  [[nodiscard]] static constexpr std::size_t key_elements() noexcept { return 1; }
  [[nodiscard]] std::size_t encrypted_elements() const noexcept { return 2 * groups_; }
  [[nodiscard]] std::size_t list_elements() const noexcept { return 2 * groups_ * smallest_; }
  [[nodiscard]] std::size_t decryption_elements() const noexcept { return groups_ * smallest_; }

 private:
  std::size_t groups_;
  std::size_t smallest_;
  std::vector<Scalar> shares_;  // of each group's size, this party's
  Scalar secret_ = Scalar::random();
  Element key_;
  std::vector<Ciphertext> list_;  // `smallest` of the first group, then of the second, ..
};

// wrong_size, not_canonical: not so many elements, or one that is the identity.
[[nodiscard]] base::Status check_elements(base::BytesView bytes, std::size_t count);

}  // namespace concordat::session::aggregate
