#include "session/protocols/frost/nonces.hpp"

#include <stdexcept>

#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;

Element commitment_to(const Scalar& nonce) {
  const auto element = base::sharing::times_base<Curve>(nonce);
  // Zero comes out of the hash with a probability of 2^-252.
  if (!element) throw std::logic_error("a nonce is zero");
  return *element;
}

}  // namespace

Result<NonceCommitment> NonceCommitment::decode(BytesView encoded) {
  if (encoded.size() != kSize) {
    return Error(Errc::wrong_size, std::to_string(encoded.size()) + " bytes, want 64");
  }
  NonceCommitment out;
  CONCORDAT_TRY(out.hiding, read_element(encoded.first(kElementSize)));
  CONCORDAT_TRY(out.binding, read_element(encoded.last(kElementSize)));
  return out;
}

base::Bytes NonceCommitment::encoded() const {
  base::Bytes out = base::to_bytes(hiding.view());
  base::append(out, binding.view());
  return out;
}

Nonces Nonces::generate(const KeyShare& share, const base::Sha256Digest& context) {
  return from(share.secret(), hedged_randomness("hiding", context),
              hedged_randomness("binding", context));
}

Nonces Nonces::from(const Scalar& secret, const SecretBytes& hiding, const SecretBytes& binding) {
  Scalar d = h3(hiding, secret);
  Scalar e = h3(binding, secret);
  const NonceCommitment commitment{commitment_to(d), commitment_to(e)};
  return {std::move(d), std::move(e), commitment};
}

}  // namespace concordat::session::frost
