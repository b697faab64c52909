#include "session/protocols/frost/signing_package.hpp"

#include <sodium.h>

#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::Error;
using base::Result;
using base::Status;
using base::sharing::plus;
using base::sharing::times;
using base::sharing::times_base;

// encode_group_commitment_list.
base::Bytes encode_list(const CommitmentList& commitments) {
  base::Bytes out;
  for (const auto& [index, commitment] : commitments) {
    base::append(out, identifier(index).view());
    base::append(out, commitment.hiding.view());
    base::append(out, commitment.binding.view());
  }
  return out;
}

}  // namespace

Result<SigningPackage> SigningPackage::create(const GroupInfo& group,
                                              const CommitmentList& commitments,
                                              base::Bytes message) {
  if (commitments.size() < group.threshold() || commitments.begin()->first == 0 ||
      commitments.rbegin()->first > group.holders()) {
    return Error(Errc::wrong_parties, std::to_string(commitments.size()) + " signers, want " +
                                          std::to_string(group.threshold()) + " of holders 1 to " +
                                          std::to_string(group.holders()));
  }
  SigningPackage out;
  out.public_key_ = group.public_key();
  out.message_ = std::move(message);
  CONCORDAT_CHECK(out.bind(group, commitments));
  CONCORDAT_CHECK(out.weigh());
  return out;
}

// compute_binding_factors and compute_group_commitment.
Status SigningPackage::bind(const GroupInfo& group, const CommitmentList& commitments) {
  const Sha512Digest message_hash = h4(message_);
  const Sha512Digest list_hash = h5(encode_list(commitments));
  bool is_first = true;
  for (const auto& [index, commitment] : commitments) {
    Scalar factor =
        h1({public_key_.view(), message_hash.view(), list_hash.view(), identifier(index).view()});
    CONCORDAT_TRY(const Element bound, present(times<Curve>(commitment.binding, factor)));
    CONCORDAT_TRY(const Element share, present(plus<Curve>(commitment.hiding, bound)));
    if (is_first) {
      group_commitment_ = share;
      is_first = false;
    } else {
      CONCORDAT_TRY(group_commitment_, present(plus<Curve>(group_commitment_, share)));
    }
    signers_.emplace(index, Signer{commitment, std::move(factor), share,
                                   group.verification_share(index), Scalar::from_number(0)});
  }
  return {};
}

// compute_challenge, and each signer's coefficient.
Status SigningPackage::weigh() {
  const Scalar challenge = h2({group_commitment_.view(), public_key_.view(), message_});
  std::vector<Index> indices;
  for (const auto& [index, signer] : signers_)
    indices.push_back(index);
  CONCORDAT_TRY(std::vector<Scalar> coefficients, base::sharing::lagrange_at_zero(indices));
  auto next = coefficients.begin();
  for (auto& [index, signer] : signers_) {
    signer.weight = std::move(*next++);
    signer.weight *= challenge;
  }
  return {};
}

Result<Scalar> SigningPackage::sign(const KeyShare& share, Nonces nonces) const {
  if (nonces.spent()) return Error(Errc::nonces_spent);
  const auto signer = signers_.find(share.index());
  if (signer == signers_.end() || signer->second.commitment != nonces.commitment() ||
      share.group().public_key() != public_key_ ||
      share.group().verification_share(share.index()) != signer->second.verification_share) {
    return Error(Errc::wrong_parties, "holder " + std::to_string(share.index()) +
                                          " is not one of them with these nonces");
  }
  Scalar out = std::move(nonces.binding_);
  out *= signer->second.binding_factor;
  out += nonces.hiding_;
  Scalar weighted = share.secret().clone();
  weighted *= signer->second.weight;
  out += weighted;
  return out;
}

Status SigningPackage::check(Index index, const Scalar& signature_share) const {
  const auto wrong = [index] {
    return Error(Errc::bad_signature_share, "of holder " + std::to_string(index));
  };
  const auto found = signers_.find(index);
  if (found == signers_.end()) return wrong();
  const Signer& signer = found->second;
  const auto keyed = times<Curve>(signer.verification_share, signer.weight);
  const auto wanted = keyed ? plus<Curve>(signer.commitment_share, *keyed) : keyed;
  const auto got = times_base<Curve>(signature_share);
  if (!wanted || !got || *wanted != *got) return wrong();
  return {};
}

Result<Signature> SigningPackage::aggregate(const std::map<Index, Scalar>& signature_shares) const {
  Scalar sum = Scalar::from_number(0);
  for (const auto& [index, signer] : signers_) {
    const auto share = signature_shares.find(index);
    if (share == signature_shares.end()) {
      return Error(Errc::wrong_parties, "no signature share of holder " + std::to_string(index));
    }
    sum += share->second;
  }
  Signature out;
  std::ranges::copy(group_commitment_.view(), out.mutable_view().begin());
  std::ranges::copy(published(sum).view(), out.mutable_view().last<kScalarSize>().begin());
  if (crypto_sign_verify_detached(out.view().data(), message_.data(), message_.size(),
                                  public_key_.view().data()) != 0) {
    return Error(Errc::signature_invalid);
  }
  return out;
}

}  // namespace concordat::session::frost
