#include "session/protocols/frost/dealing.hpp"

#include "attest/base/hash.hpp"
#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using base::Sha256Digest;
using base::Status;

Status expect_size(std::size_t size, std::size_t wanted) {
  if (size == wanted) return {};
  return Error(Errc::wrong_size, std::to_string(size) + " bytes, want " + std::to_string(wanted));
}

Result<Share> read_letter(SecretBytes letter, Index to) {
  CONCORDAT_TRY(Scalar value, Scalar::from_bytes(std::move(letter)));
  return Share{to, std::move(value)};
}

}  // namespace

Dealing::Dealing(const Seat& seat, Plan plan, std::optional<Polynomial> polynomial)
    : seat_(seat), plan_(std::move(plan)), polynomial_(std::move(polynomial)) {}

RoundShape Dealing::shape(Round round) const noexcept {
  switch (round) {
    case kCommit:
    case kConfirm:
      return {Sha256Digest::kSize, 0};
    case kOpen:
      return {seat_.threshold * kElementSize + plan_.proof_size, 0};
    case kDeal:
      return {0, kScalarSize};
    default:
      return {};
  }
}

std::size_t Dealing::broadcast_size(Round round, PartyIndex from) const {
  return is_dealer(from) || round == kConfirm ? shape(round).broadcast : 0;
}

std::size_t Dealing::letter_size(Round round, PartyIndex from, PartyIndex to) const {
  return is_dealer(from) && plan_.holders.contains(to) ? shape(round).letter : 0;
}

Result<Outgoing> Dealing::send(Round round) {
  Outgoing out;
  if (round == kConfirm) out.broadcast = base::to_bytes(confirmation_.view());
  if (round == kDeal) {
    CONCORDAT_TRY(out.letters, letters());
  }
  if (!is_dealer(seat_.self)) return out;
  if (round == kCommit) {
    opening_ = opening();
    out.broadcast = base::to_bytes(hash_of(seat_.self, opening_).view());
  }
  if (round == kOpen) out.broadcast = opening_;
  return out;
}

Bytes Dealing::opening() const {
  const Commitments commitments = Commitments::of(*polynomial_);
  Bytes out = commitments.encoded();
  base::append(out, prove_constant(polynomial_->coefficients().front(), commitments.constant()));
  return out;
}

Result<Commitments> Dealing::read_opening(BytesView opening) const {
  return Commitments::from_bytes(opening.first(opening.size() - plan_.proof_size));
}

Sha256Digest Dealing::hash_of(PartyIndex party, BytesView opening) const {
  return base::sha256({base::as_bytes(plan_.name), base::as_bytes(" commit "), seat_.roster.view(),
                       identifier(party).view(), opening});
}

Result<std::map<PartyIndex, SecretBytes>> Dealing::letters() const {
  std::map<PartyIndex, SecretBytes> out;
  for (const PartyIndex to : seat_.parties) {
    if (to == seat_.self) continue;
    SecretBytes& letter = out[to];
    if (letter_size(kDeal, seat_.self, to) == 0) continue;
    CONCORDAT_TRY(const Share share, polynomial_->share(plan_.holders.at(to)));
    letter = share.value.bytes().clone();
  }
  return out;
}

Status Dealing::check_broadcast(Round round, PartyIndex from, BytesView broadcast) const {
  CONCORDAT_CHECK(expect_size(broadcast.size(), broadcast_size(round, from)));
  if (round == kOpen && is_dealer(from)) return check_opening(from, broadcast);
  if (round == kConfirm && !base::equal(broadcast, confirmation_.view())) {
    return Error(Errc::not_confirmed, "by party " + std::to_string(from));
  }
  return {};
}

Status Dealing::check_opening(PartyIndex from, BytesView opening) const {
  if (hash_of(from, opening) != hashes_.at(from)) {
    return Error(Errc::not_opened, "by party " + std::to_string(from));
  }
  CONCORDAT_TRY(const Commitments commitments, read_opening(opening));
  return check_constant(from, commitments.constant(), opening.last(plan_.proof_size));
}

Status Dealing::check_letter(Round round, PartyIndex from, PartyIndex to, const SecretBytes& letter,
                             const std::map<PartyIndex, Bytes>&) const {
  const std::size_t size = letter_size(round, from, to);
  CONCORDAT_CHECK(expect_size(letter.size(), size));
  if (size == 0) return {};
  CONCORDAT_TRY(const Share share, read_letter(letter.clone(), plan_.holders.at(to)));
  return commitments_.at(from).check(share);
}

Status Dealing::receive(Round round, Incoming incoming) {
  switch (round) {
    case kCommit:
      return take_hashes(incoming.broadcasts);
    case kOpen:
      return take_openings(incoming.broadcasts);
    case kDeal:
      return take_letters(std::move(incoming.letters));
    default:
      return {};
  }
}

Status Dealing::take_hashes(const std::map<PartyIndex, Bytes>& hashes) {
  for (const auto& [dealer, index] : plan_.dealers) {
    CONCORDAT_TRY(const Sha256Digest hash, Sha256Digest::from(hashes.at(dealer)));
    hashes_.emplace(dealer, hash);
  }
  return {};
}

Status Dealing::take_openings(const std::map<PartyIndex, Bytes>& openings) {
  std::vector<Commitments> dealt;
  Bytes transcript;
  for (const auto& [dealer, index] : plan_.dealers) {
    CONCORDAT_TRY(Commitments commitments, read_opening(openings.at(dealer)));
    base::append(transcript, openings.at(dealer));
    dealt.push_back(commitments);
    commitments_.emplace(dealer, std::move(commitments));
  }
  // The identity, in a sum that nobody could choose, has a probability of 2^-252.
  CONCORDAT_TRY(const Commitments sum, combine(dealt));
  CONCORDAT_TRY(group_, GroupInfo::of(sum, plan_.holders.size(), plan_.epoch));
  confirmation_ = base::sha256({base::as_bytes(plan_.name), base::as_bytes(" confirm "),
                                seat_.roster.view(), transcript, group_->encoded()});
  return {};
}

Status Dealing::take_letters(std::map<PartyIndex, SecretBytes> letters) {
  const auto self = plan_.holders.find(seat_.self);
  std::vector<Share> dealt;
  for (const auto& [dealer, index] : plan_.dealers) {
    if (self == plan_.holders.end()) break;
    if (dealer == seat_.self) {
      CONCORDAT_TRY(Share own, polynomial_->share(self->second));
      dealt.push_back(std::move(own));
    } else {
      CONCORDAT_TRY(Share share, read_letter(std::move(letters.at(dealer)), self->second));
      dealt.push_back(std::move(share));
    }
  }
  polynomial_.reset();
  if (self == plan_.holders.end()) return {};
  CONCORDAT_TRY(Share sum, combine(dealt));
  CONCORDAT_TRY(share_, KeyShare::create(*group_, sum.index, std::move(sum.value)));
  return {};
}

Result<Output> Dealing::output() {
  return Output{group_->encoded(), share_ ? share_->encoded() : SecretBytes()};
}

}  // namespace concordat::session::frost
