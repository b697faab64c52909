#include "session/protocols/frost/preprocessing.hpp"

#include "attest/base/hash.hpp"
#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::string_view kBatchUse = "concordat/frost-preprocess/1 nonces";
constexpr std::string_view kBatchDomain = "concordat/frost-preprocess/1 batch";

BytesView commitment_at(BytesView broadcast, std::size_t position) {
  return broadcast.subspan(position * NonceCommitment::kSize, NonceCommitment::kSize);
}

}  // namespace

Result<std::unique_ptr<Protocol>> Preprocessing::begin(const Seat& seat, const Indices& indices,
                                                       const KeyShare& share, std::size_t count,
                                                       NonceStore& store) {
  CONCORDAT_TRY(Indices holders, those_of(seat.parties, indices));
  CONCORDAT_CHECK(check_distinct(holders, share.group().holders(), "holders"));
  if (holders.at(seat.self) != share.index()) {
    return Error(Errc::wrong_share, "party " + std::to_string(seat.self) + " brought share " +
                                        std::to_string(share.index()));
  }
  if (count == 0 || count > kMaxBatch) {
    return Error(Errc::no_nonces, "for " + std::to_string(count) + " signatures, want 1 to " +
                                      std::to_string(kMaxBatch));
  }
  std::vector<Nonces> nonces;
  while (nonces.size() < count) {
    const PublicScalar position = identifier(static_cast<Index>(nonces.size()));
    nonces.push_back(Nonces::generate(
        share, base::sha256({base::as_bytes(kBatchUse), seat.roster.view(), position.view()})));
  }
  return std::unique_ptr<Protocol>(
      new Preprocessing(seat, std::move(holders), std::move(nonces), store));
}

Preprocessing::Preprocessing(const Seat& seat, Indices holders, std::vector<Nonces> nonces,
                             NonceStore& store)
    : roster_(seat.roster),
      holders_(std::move(holders)),
      count_(nonces.size()),
      nonces_(std::move(nonces)),
      store_(store) {}

RoundShape Preprocessing::shape(Round) const noexcept {
  return {count_ * NonceCommitment::kSize, 0};
}

Result<Outgoing> Preprocessing::send(Round) {
  Outgoing out;
  for (const Nonces& nonces : nonces_)
    base::append(out.broadcast, nonces.commitment().encoded());
  return out;
}

Status Preprocessing::check_broadcast(Round round, PartyIndex, BytesView broadcast) const {
  if (broadcast.size() != shape(round).broadcast) {
    return Error(Errc::wrong_size, std::to_string(broadcast.size()) + " bytes, want " +
                                       std::to_string(shape(round).broadcast));
  }
  for (std::size_t i = 0; i < count_; ++i) {
    CONCORDAT_TRY([[maybe_unused]] const auto commitment,
                  NonceCommitment::decode(commitment_at(broadcast, i)));
  }
  return {};
}

Status Preprocessing::check_letter(Round, PartyIndex from, PartyIndex,
                                   const base::SecretBytes& letter,
                                   const std::map<PartyIndex, Bytes>&) const {
  if (letter.empty()) return {};
  return Error(Errc::wrong_size, "a letter of party " + std::to_string(from) + ", want none");
}

Status Preprocessing::receive(Round, Incoming incoming) {
  Bytes transcript;
  std::vector<CommitmentList> lists(count_);
  for (const auto& [from, broadcast] : incoming.broadcasts) {
    base::append(transcript, identifier(holders_.at(from)).view());
    base::append(transcript, broadcast);
    for (std::size_t i = 0; i < count_; ++i) {
      CONCORDAT_TRY(const auto commitment, NonceCommitment::decode(commitment_at(broadcast, i)));
      lists[i].emplace(holders_.at(from), commitment);
    }
  }
  id_ = base::sha256({base::as_bytes(kBatchDomain), roster_.view(), transcript});
  NonceStore::Batch batch;
  for (std::size_t i = 0; i < count_; ++i)
    batch.emplace(i, Prepared{std::move(nonces_[i]), std::move(lists[i])});
  nonces_.clear();
  store_.add(id_, std::move(batch));
  return {};
}

Result<Output> Preprocessing::output() {
  return Output{base::to_bytes(id_.view()), {}};
}

}  // namespace concordat::session::frost
