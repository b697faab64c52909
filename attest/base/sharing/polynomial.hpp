// Shamir's secret sharing: a secret is a polynomial's value at 0, shares are its values at 1, 2, ..
//
//   f(x) = secret + a1 x + .. + a(k-1) x^(k-1)        k shares determine f, k - 1 say nothing of
//   f(0)
//
// No I/O. Indices are public, everything else is guarded memory.
#pragma once

#include <vector>

#include "attest/base/sharing/scalar.hpp"

namespace concordat::base::sharing {

// Who holds a share: 1 upwards.
using Index = std::uint32_t;

struct Share {
  Index index = 0;
  Scalar value;
};

class Polynomial {
 public:
  // Of degree `threshold` - 1 with `constant` at 0 and other coefficients at random. bad_threshold
  // for a threshold of 0.
  [[nodiscard]] static Result<Polynomial> random(Scalar constant, std::size_t threshold);

  // zero_index.
  [[nodiscard]] Result<Share> share(Index index) const;
  // The constant first.
  [[nodiscard]] const std::vector<Scalar>& coefficients() const noexcept { return coefficients_; }

 private:
  std::vector<Scalar> coefficients_;
};

// Lagrange's coefficient of `index` for the value at 0 of the polynomial through `indices`, of
// which it is one. zero_index, repeated_index.
[[nodiscard]] Result<Scalar> lagrange_at_zero(const std::vector<Index>& indices, Index index);

// Those of all of them, in their order, for little more than one of them takes.
[[nodiscard]] Result<std::vector<Scalar>> lagrange_at_zero(const std::vector<Index>& indices);

// The value at 0 of the polynomial through the first `threshold` of the shares. Shares that nobody
// checked against commitments give a wrong secret without a word. too_few_shares, zero_index,
// repeated_index (of any of them), bad_threshold.
[[nodiscard]] Result<Scalar> recover(const std::vector<Share>& shares, std::size_t threshold);

// Resharing without the secret: each of k old holders shares its share with the new ones (a
// polynomial whose constant is the share), and a new holder adds up what it got from `indices`, one
// sub-share of each, in that order, all of its own index: a share of the same secret, of the new
// polynomials' threshold. What each dealt is checked against Commitments::of_share before.
[[nodiscard]] Result<Share> combine_subshares(const std::vector<Index>& indices,
                                              const std::vector<Share>& subshares);

}  // namespace concordat::base::sharing
