#include "attest/base/sharing/commitments.hpp"

#include <stdexcept>

namespace concordat::base::sharing {
namespace {

// To the identity, with a probability of 2^-252 for each step, or by whoever made the commitments.
template <class Element>
Result<Element> present(const std::optional<Element>& element) {
  if (element) return *element;
  return Error(Errc::bad_commitment, "leads to the identity");
}

}  // namespace

template <class Group>
Commitments<Group> Commitments<Group>::of(const Polynomial& polynomial) {
  Commitments out;
  for (const Scalar& coefficient : polynomial.coefficients()) {
    const auto element = times_base<Group>(coefficient);
    // Coefficients are drawn from the scalars but zero; of the constant that is the caller's.
    if (!element) throw std::logic_error("a coefficient is zero");
    out.elements_.push_back(*element);
  }
  return out;
}

template <class Group>
Result<Commitments<Group>> Commitments<Group>::from_bytes(BytesView encoded) {
  if (encoded.empty() || encoded.size() % kElementSize != 0) {
    return Error(Errc::bad_commitment, std::to_string(encoded.size()) + " bytes");
  }
  Commitments out;
  for (std::size_t at = 0; at < encoded.size(); at += kElementSize) {
    CONCORDAT_TRY(const Element element, Element::from(encoded.subspan(at, kElementSize)));
    if (!is_element<Group>(element)) {
      return Error(Errc::bad_commitment, "to coefficient " + std::to_string(at / kElementSize));
    }
    out.elements_.push_back(element);
  }
  return out;
}

template <class Group>
Bytes Commitments<Group>::encoded() const {
  Bytes out;
  for (const Element& element : elements_)
    append(out, element.view());
  return out;
}

template <class Group>
Result<typename Group::Element> Commitments<Group>::of_share(Index index) const {
  if (index == 0) return Error(Errc::zero_index);
  const Scalar x = Scalar::from_number(index);
  Element value = elements_.back();
  for (std::size_t i = elements_.size() - 1; i-- > 0;) {
    CONCORDAT_TRY(const Element multiple, present(times<Group>(value, x)));
    CONCORDAT_TRY(value, present(plus<Group>(multiple, elements_[i])));
  }
  return value;
}

template <class Group>
Status Commitments<Group>::check(const Share& share) const {
  CONCORDAT_TRY(const Element wanted, of_share(share.index));
  const auto found = times_base<Group>(share.value);
  if (!found || *found != wanted) return Error(Errc::wrong_share, std::to_string(share.index));
  return {};
}

template <class Group>
Result<Commitments<Group>> Commitments<Group>::combine(const std::vector<Index>& indices,
                                                       const std::vector<Commitments>& dealt) {
  if (dealt.empty() || indices.size() != dealt.size()) return Error(Errc::too_few_shares);
  Commitments out;
  for (std::size_t dealer = 0; dealer < dealt.size(); ++dealer) {
    CONCORDAT_TRY(const Scalar factor, lagrange_at_zero(indices, indices[dealer]));
    if (dealt[dealer].threshold() != dealt.front().threshold()) {
      return Error(Errc::bad_commitment, "thresholds differ");
    }
    for (std::size_t i = 0; i < dealt[dealer].elements_.size(); ++i) {
      CONCORDAT_TRY(const Element part, present(times<Group>(dealt[dealer].elements_[i], factor)));
      if (dealer == 0) {
        out.elements_.push_back(part);
      } else {
        CONCORDAT_TRY(out.elements_[i], present(plus<Group>(out.elements_[i], part)));
      }
    }
  }
  return out;
}

template <class Group>
Result<Commitments<Group>> Commitments<Group>::sum(const std::vector<Commitments>& dealt) {
  if (dealt.empty()) return Error(Errc::too_few_shares);
  Commitments out = dealt.front();
  for (std::size_t dealer = 1; dealer < dealt.size(); ++dealer) {
    if (dealt[dealer].threshold() != out.threshold()) {
      return Error(Errc::bad_commitment, "thresholds differ");
    }
    for (std::size_t i = 0; i < out.elements_.size(); ++i) {
      CONCORDAT_TRY(out.elements_[i],
                    present(plus<Group>(out.elements_[i], dealt[dealer].elements_[i])));
    }
  }
  return out;
}

template class Commitments<Ristretto255>;
template class Commitments<Edwards25519>;

}  // namespace concordat::base::sharing
