// Proof that whoever committed to a constant term knows it: a Schnorr signature under it, as in
// KeyGen of the FROST paper (Komlo, Goldberg, SAC 2020, figure 1, round 1). Without it the last one
// to commit could choose its constant as the difference of a key of its own and the others'.
//
//   c = H("dkg", roster, i, A0, R),  R = kB,  mu = k + a0 c        proof = R mu
//
// The roster is of one run, so that a proof is one in no other.
#pragma once

#include "session/protocols/frost/ciphersuite.hpp"

namespace concordat::session::frost {

inline constexpr std::size_t kProofSize = kElementSize + kScalarSize;

// For `constant`, which is `secret` times the base point.
[[nodiscard]] base::Bytes prove(const base::Sha256Digest& roster, Index index, const Scalar& secret,
                                const Element& constant);
// bad_proof.
[[nodiscard]] base::Status check_proof(const base::Sha256Digest& roster, Index index,
                                       const Element& constant, base::BytesView proof);

}  // namespace concordat::session::frost
