#include "session/protocols/frost/signing.hpp"

#include "attest/base/hash.hpp"
#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::string_view kNonceUse = "concordat/frost-sign/1 nonces";

Result<Indices> check_signers(const Seat& seat, const Indices& indices, const KeyShare& share) {
  CONCORDAT_TRY(Indices signers, those_of(seat.parties, indices));
  CONCORDAT_CHECK(check_distinct(signers, share.group().holders(), "signers"));
  if (signers.size() < share.group().threshold()) {
    return Error(Errc::wrong_parties, std::to_string(signers.size()) + " signers, want " +
                                          std::to_string(share.group().threshold()));
  }
  if (signers.at(seat.self) == share.index()) return signers;
  return Error(Errc::wrong_share, "party " + std::to_string(seat.self) + " brought share " +
                                      std::to_string(share.index()));
}

}  // namespace

Result<std::unique_ptr<Protocol>> Signing::begin(const Seat& seat, const Indices& indices,
                                                 std::shared_ptr<const KeyShare> share,
                                                 Bytes message) {
  CONCORDAT_TRY(Indices signers, check_signers(seat, indices, *share));
  std::unique_ptr<Signing> out(
      new Signing(std::move(signers), std::move(share), std::move(message), 2));
  out->nonces_ = Nonces::generate(
      *out->share_, base::sha256({base::as_bytes(kNonceUse), seat.roster.view(), out->message_}));
  return std::unique_ptr<Protocol>(std::move(out));
}

Result<std::unique_ptr<Protocol>> Signing::begin(const Seat& seat, const Indices& indices,
                                                 std::shared_ptr<const KeyShare> share,
                                                 Bytes message, Prepared prepared) {
  CONCORDAT_TRY(Indices signers, check_signers(seat, indices, *share));
  std::unique_ptr<Signing> out(
      new Signing(std::move(signers), std::move(share), std::move(message), 1));
  out->nonces_ = std::move(prepared.nonces);
  CommitmentList commitments;
  for (const auto& [party, index] : out->signers_) {
    const auto found = prepared.commitments.find(index);
    if (found == prepared.commitments.end()) {
      return Error(Errc::no_nonces, "of holder " + std::to_string(index));
    }
    commitments.insert(*found);
  }
  CONCORDAT_CHECK(out->agree(commitments));
  return std::unique_ptr<Protocol>(std::move(out));
}

Signing::Signing(Indices signers, std::shared_ptr<const KeyShare> share, Bytes message,
                 Round share_round)
    : signers_(std::move(signers)),
      share_(std::move(share)),
      message_(std::move(message)),
      share_round_(share_round) {}

RoundShape Signing::shape(Round round) const noexcept {
  return {round == share_round_ ? kScalarSize : NonceCommitment::kSize, 0};
}

Result<Outgoing> Signing::send(Round round) {
  Outgoing out;
  if (round != share_round_) {
    out.broadcast = nonces_->commitment().encoded();
    return out;
  }
  Nonces nonces = *std::move(nonces_);
  nonces_.reset();
  CONCORDAT_TRY(const Scalar share, package_->sign(*share_, std::move(nonces)));
  out.broadcast = base::to_bytes(published(share).view());
  return out;
}

Status Signing::check_broadcast(Round round, PartyIndex from, BytesView broadcast) const {
  if (round != share_round_) {
    CONCORDAT_TRY([[maybe_unused]] const auto commitment, NonceCommitment::decode(broadcast));
    return {};
  }
  CONCORDAT_TRY(const Scalar share, read_scalar(broadcast));
  return package_->check(signers_.at(from), share);
}

Status Signing::check_letter(Round, PartyIndex from, PartyIndex, const base::SecretBytes& letter,
                             const std::map<PartyIndex, Bytes>&) const {
  if (letter.empty()) return {};
  return Error(Errc::wrong_size, "a letter of party " + std::to_string(from) + ", want none");
}

Status Signing::receive(Round round, Incoming incoming) {
  if (round == share_round_) return take_shares(incoming.broadcasts);
  CommitmentList commitments;
  for (const auto& [from, broadcast] : incoming.broadcasts) {
    CONCORDAT_TRY(const NonceCommitment commitment, NonceCommitment::decode(broadcast));
    commitments.emplace(signers_.at(from), commitment);
  }
  return agree(commitments);
}

Status Signing::agree(const CommitmentList& commitments) {
  CONCORDAT_TRY(package_,
                SigningPackage::create(share_->group(), commitments, std::move(message_)));
  return {};
}

Status Signing::take_shares(const std::map<PartyIndex, Bytes>& broadcasts) {
  std::map<Index, Scalar> shares;
  for (const auto& [from, broadcast] : broadcasts) {
    CONCORDAT_TRY(Scalar share, read_scalar(broadcast));
    shares.emplace(signers_.at(from), std::move(share));
  }
  CONCORDAT_TRY(signature_, package_->aggregate(shares));
  return {};
}

Result<Output> Signing::output() {
  return Output{base::to_bytes(signature_.view()), {}};
}

}  // namespace concordat::session::frost
