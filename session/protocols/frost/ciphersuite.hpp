// FROST(Ed25519, SHA-512): RFC 9591 section 6.1, and how its scalars and elements are written.
#pragma once

#include <initializer_list>

#include "attest/base/sharing/commitments.hpp"

namespace concordat::session::frost {

using Curve = base::sharing::Edwards25519;
using Element = Curve::Element;
using base::sharing::Index;
using base::sharing::Scalar;

inline constexpr std::size_t kElementSize = base::sharing::kElementSize;
inline constexpr std::size_t kScalarSize = base::sharing::kScalarSize;

using Sha512Digest = base::FixedBytes<struct Sha512Tag, 64>;
// A scalar that was sent to everybody. Encodings only; read_scalar judges them.
using PublicScalar = base::FixedBytes<struct PublicScalarTag, kScalarSize>;

using Parts = std::initializer_list<base::BytesView>;

[[nodiscard]] Scalar h1(Parts parts);  // binding factors
[[nodiscard]] Scalar h2(Parts parts);  // the challenge, as RFC 8032 has it: without a domain
// Nonces, out of 32 random bytes and a secret.
[[nodiscard]] Scalar h3(const base::SecretBytes& random, const Scalar& secret);
[[nodiscard]] Sha512Digest h4(base::BytesView message);
[[nodiscard]] Sha512Digest h5(base::BytesView commitments);
// The challenge of the proof in key generation, which the RFC leaves out: as h1, for "dkg".
[[nodiscard]] Scalar h_dkg(Parts parts);

// 32 random bytes for h3: of fresh ones, and of what they are for, so that a generator that repeats
// itself still leads to other nonces for anything else.
[[nodiscard]] base::SecretBytes hedged_randomness(std::string_view what,
                                                  const base::Sha256Digest& context);

// SerializeScalar of an identifier.
[[nodiscard]] PublicScalar identifier(Index index) noexcept;
// Of a scalar that everybody may know from now on.
[[nodiscard]] PublicScalar published(const Scalar& scalar);
// wrong_size; not_canonical of sharing.
[[nodiscard]] base::Result<Scalar> read_scalar(base::BytesView bytes);
// wrong_size, not_an_element.
[[nodiscard]] base::Result<Element> read_element(base::BytesView bytes);

// identity where there is none.
[[nodiscard]] base::Result<Element> present(const std::optional<Element>& element);

}  // namespace concordat::session::frost
