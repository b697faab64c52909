// Feldman's commitments: each coefficient times the group's base point, by which everybody can
// check a share and nobody learns the secret, as long as that is one of all scalars at random.
#pragma once

#include "attest/base/sharing/group.hpp"
#include "attest/base/sharing/polynomial.hpp"

namespace concordat::base::sharing {

template <class Group>
class Commitments {
 public:
  using Element = typename Group::Element;

  [[nodiscard]] static Commitments of(const Polynomial& polynomial);
  // So many elements, one behind the other, the constant's first. bad_commitment unless there is
  // one at least and each is an element of the group, not the identity.
  [[nodiscard]] static Result<Commitments> from_bytes(BytesView encoded);
  [[nodiscard]] Bytes encoded() const;

  // How many shares determine the secret.
  [[nodiscard]] std::size_t threshold() const noexcept { return elements_.size(); }
  // The secret times the base point; of a key that is shared, its public key.
  [[nodiscard]] const Element& constant() const noexcept { return elements_.front(); }

  // What the share of `index` must be, times the base point. zero_index; bad_commitment where that
  // is the identity, to which no honest polynomial leads.
  [[nodiscard]] Result<Element> of_share(Index index) const;
  // zero_index, wrong_share, bad_commitment.
  [[nodiscard]] Status check(const Share& share) const;

  // Those of the shares that combine_subshares makes of what `dealers` dealt, in the same order.
  // bad_commitment where their thresholds differ.
  [[nodiscard]] static Result<Commitments> combine(const std::vector<Index>& indices,
                                                   const std::vector<Commitments>& dealt);
  // Those of the sum of the dealers' polynomials. too_few_shares, bad_commitment.
  [[nodiscard]] static Result<Commitments> sum(const std::vector<Commitments>& dealt);

 private:
  std::vector<Element> elements_;
};

extern template class Commitments<Ristretto255>;
extern template class Commitments<Edwards25519>;

}  // namespace concordat::base::sharing
