// Whoever can sign as one signer of an authority: a key from a file, a key on a token.
#pragma once

#include "policy/dsse.hpp"

namespace concordat::policy {

class Signer {
 public:
  virtual ~Signer() = default;

  [[nodiscard]] virtual const SignerKey& public_key() const noexcept = 0;
  // Ed25519 (RFC 8032) over `message` itself. Fails where the key is out of reach: a token may
  // refuse, or be gone.
  [[nodiscard]] virtual base::Result<Signature> sign(base::BytesView message) const = 0;

 protected:
  Signer() = default;
  Signer(Signer&&) = default;
  Signer& operator=(Signer&&) = default;
};

// The signature of `signer` under the envelope's payload and type, in place of an earlier one of
// it. bad_signature unless it verifies under the signer's own public key: what a faulty token
// returns goes nowhere. On failure the envelope is as it was.
[[nodiscard]] base::Status add_signature(Envelope& envelope, const Signer& signer);

}  // namespace concordat::policy
