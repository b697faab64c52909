// The two groups in which polynomials are committed to. Elements are public; of their encodings
// only the canonical one of an element that is not the identity is taken, so that equal elements
// are equal bytes.
#pragma once

#include "attest/base/sharing/scalar.hpp"

namespace concordat::base::sharing {

inline constexpr std::size_t kElementSize = 32;

// RFC 9496: prime order, so that every element that decodes is one that a scalar leads to.
struct Ristretto255 {
  using Element = FixedBytes<struct Ristretto255ElementTag, kElementSize>;
};
// RFC 8032's curve, its subgroup of prime order: what public keys of Ed25519 are.
struct Edwards25519 {
  using Element = FixedBytes<struct Edwards25519ElementTag, kElementSize>;
};

template <class Group>
[[nodiscard]] bool is_element(const typename Group::Element& element) noexcept;
// nullopt: the result is the identity.
template <class Group>
[[nodiscard]] std::optional<typename Group::Element> times_base(const Scalar& scalar);
template <class Group>
[[nodiscard]] std::optional<typename Group::Element> times(const typename Group::Element& element,
                                                           const Scalar& scalar);
template <class Group>
[[nodiscard]] std::optional<typename Group::Element> plus(const typename Group::Element& a,
                                                          const typename Group::Element& b);

}  // namespace concordat::base::sharing
