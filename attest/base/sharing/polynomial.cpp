#include "attest/base/sharing/polynomial.hpp"

#include <set>

namespace concordat::base::sharing {
namespace {

Status check_indices(const std::vector<Index>& indices) {
  std::set<Index> seen;
  for (const Index index : indices) {
    if (index == 0) return Error(Errc::zero_index);
    if (!seen.insert(index).second) return Error(Errc::repeated_index, std::to_string(index));
  }
  return {};
}

std::vector<Index> indices_of(const std::vector<Share>& shares) {
  std::vector<Index> out;
  for (const Share& share : shares)
    out.push_back(share.index);
  return out;
}

struct Fraction {
  Scalar above = Scalar::from_number(1);
  Scalar below = Scalar::from_number(1);
};

// Indices were checked.
Fraction fraction(std::span<const Index> indices, Index index) {
  Fraction out;
  const Scalar own = Scalar::from_number(index);
  for (const Index other : indices) {
    if (other == index) continue;
    const Scalar x = Scalar::from_number(other);
    out.above *= x;
    Scalar difference = x.clone();
    difference -= own;
    out.below *= difference;
  }
  return out;
}

Scalar coefficient(std::span<const Index> indices, Index index) {
  Fraction out = fraction(indices, index);
  out.above *= out.below.inverse();
  return std::move(out.above);
}

}  // namespace

Result<Polynomial> Polynomial::random(Scalar constant, std::size_t threshold) {
  if (threshold == 0) return Error(Errc::bad_threshold);
  Polynomial out;
  out.coefficients_.reserve(threshold);
  out.coefficients_.push_back(std::move(constant));
  while (out.coefficients_.size() < threshold)
    out.coefficients_.push_back(Scalar::random());
  return out;
}

Result<Share> Polynomial::share(Index index) const {
  if (index == 0) return Error(Errc::zero_index);
  const Scalar x = Scalar::from_number(index);
  Scalar value = coefficients_.back().clone();
  for (std::size_t i = coefficients_.size() - 1; i-- > 0;) {
    value *= x;
    value += coefficients_[i];
  }
  return Share{index, std::move(value)};
}

Result<Scalar> lagrange_at_zero(const std::vector<Index>& indices, Index index) {
  CONCORDAT_CHECK(check_indices(indices));
  if (std::ranges::find(indices, index) == indices.end()) {
    return Error(Errc::too_few_shares, "no share of index " + std::to_string(index));
  }
  return coefficient(indices, index);
}

// Inversions cost most: one, of the product of all, and from it each (Montgomery's trick).
Result<std::vector<Scalar>> lagrange_at_zero(const std::vector<Index>& indices) {
  CONCORDAT_CHECK(check_indices(indices));
  std::vector<Fraction> fractions;
  Scalar product = Scalar::from_number(1);
  std::vector<Scalar> before;  // the product of the denominators before each
  for (const Index index : indices) {
    fractions.push_back(fraction(indices, index));
    before.push_back(product.clone());
    product *= fractions.back().below;
  }
  Scalar inverse = product.inverse();  // of the denominators up to the one that is next
  std::vector<Scalar> out;
  for (std::size_t i = indices.size(); i-- > 0;) {
    fractions[i].above *= before[i];
    fractions[i].above *= inverse;
    inverse *= fractions[i].below;
  }
  for (Fraction& each : fractions)
    out.push_back(std::move(each.above));
  return out;
}

Result<Scalar> recover(const std::vector<Share>& shares, std::size_t threshold) {
  if (threshold == 0) return Error(Errc::bad_threshold);
  const std::vector<Index> indices = indices_of(shares);
  CONCORDAT_CHECK(check_indices(indices));
  if (shares.size() < threshold) {
    return Error(Errc::too_few_shares,
                 std::to_string(shares.size()) + " of " + std::to_string(threshold));
  }
  const auto used = std::span(indices).first(threshold);
  Scalar secret = Scalar::from_number(0);
  for (std::size_t i = 0; i < threshold; ++i) {
    Scalar part = coefficient(used, shares[i].index);
    part *= shares[i].value;
    secret += part;
  }
  return secret;
}

Result<Share> combine_subshares(const std::vector<Index>& indices,
                                const std::vector<Share>& subshares) {
  CONCORDAT_CHECK(check_indices(indices));
  if (indices.empty() || indices.size() != subshares.size()) {
    return Error(Errc::too_few_shares, std::to_string(subshares.size()) + " sub-shares of " +
                                           std::to_string(indices.size()) + " dealers");
  }
  Share out{subshares.front().index, Scalar::from_number(0)};
  if (out.index == 0) return Error(Errc::zero_index);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (subshares[i].index != out.index) {
      return Error(Errc::wrong_share, "of index " + std::to_string(subshares[i].index) +
                                          " among those of " + std::to_string(out.index));
    }
    Scalar part = coefficient(indices, indices[i]);
    part *= subshares[i].value;
    out.value += part;
  }
  return out;
}

}  // namespace concordat::base::sharing
