#include "session/protocols/frost/proof.hpp"

#include <stdexcept>

#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Status;
using base::sharing::plus;
using base::sharing::times;
using base::sharing::times_base;

Scalar proof_challenge(const base::Sha256Digest& roster, Index index, const Element& constant,
                       const Element& nonce) {
  return h_dkg({roster.view(), identifier(index).view(), constant.view(), nonce.view()});
}

}  // namespace

base::Bytes prove(const base::Sha256Digest& roster, Index index, const Scalar& secret,
                  const Element& constant) {
  Scalar response = h3(hedged_randomness("proof", roster), secret);
  const auto nonce = times_base<Curve>(response);
  // Zero comes out of the hash with a probability of 2^-252.
  if (!nonce) throw std::logic_error("a proof's nonce is zero");
  Scalar weighted = proof_challenge(roster, index, constant, *nonce);
  weighted *= secret;
  response += weighted;
  base::Bytes out = base::to_bytes(nonce->view());
  base::append(out, published(response).view());
  return out;
}

Status check_proof(const base::Sha256Digest& roster, Index index, const Element& constant,
                   BytesView proof) {
  if (proof.size() != kProofSize) {
    return Error(Errc::wrong_size, std::to_string(proof.size()) + " bytes of proof, want 64");
  }
  CONCORDAT_TRY(const Element nonce, read_element(proof.first(kElementSize)));
  CONCORDAT_TRY(const Scalar response, read_scalar(proof.last(kScalarSize)));
  const auto weighted = times<Curve>(constant, proof_challenge(roster, index, constant, nonce));
  const auto wanted = weighted ? plus<Curve>(nonce, *weighted) : weighted;
  const auto got = times_base<Curve>(response);
  if (!wanted || !got || *wanted != *got) {
    return Error(Errc::bad_proof, "of party " + std::to_string(index));
  }
  return {};
}

}  // namespace concordat::session::frost
