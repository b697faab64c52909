// One signature by certain holders over a certain message: RFC 9591 sections 4.4 to 5.3. Everything
// here is public but what sign() is given.
#pragma once

#include "session/protocols/frost/nonces.hpp"

namespace concordat::session::frost {

// As RFC 8032 has it.
using Signature = base::FixedBytes<struct SignatureTag, 64>;

class SigningPackage {
 public:
  // wrong_parties: fewer than the threshold, or one that is no holder. identity, where no honest
  // commitments lead.
  [[nodiscard]] static base::Result<SigningPackage> create(const GroupInfo& group,
                                                           const CommitmentList& commitments,
                                                           base::Bytes message);

  // This holder's signature share, once for each pair of nonces. nonces_spent; wrong_parties where
  // the list has other commitments than those of `nonces`, or the share is of another group.
  [[nodiscard]] base::Result<Scalar> sign(const KeyShare& share, Nonces nonces) const;
  // bad_signature_share.
  [[nodiscard]] base::Status check(Index signer, const Scalar& signature_share) const;
  // Of all the signers' shares. wrong_parties, signature_invalid.
  [[nodiscard]] base::Result<Signature> aggregate(
      const std::map<Index, Scalar>& signature_shares) const;

  // The RFC's intermediate values.
  [[nodiscard]] const Scalar& binding_factor(Index signer) const {
    return signers_.at(signer).binding_factor;
  }
  [[nodiscard]] const Element& group_commitment() const noexcept { return group_commitment_; }

 private:
  struct Signer {
    NonceCommitment commitment;
    Scalar binding_factor;
    Element commitment_share;  // hiding + binding factor * binding
    Element verification_share;
    Scalar weight;  // Lagrange's coefficient times the challenge
  };
  SigningPackage() = default;
  [[nodiscard]] base::Status bind(const GroupInfo& group, const CommitmentList& commitments);
  [[nodiscard]] base::Status weigh();

  Element public_key_;
  base::Bytes message_;
  std::map<Index, Signer> signers_;
  Element group_commitment_;
};

}  // namespace concordat::session::frost
