// round  broadcast of A                              broadcast of B
//   1    its items and random elements, times a      likewise, times b
//   2    hash of its list of round 3                 likewise
//   3    what B sent in round 1, times a             what A sent, times b
//
// An item of both is the same element times ab in both lists of round 3, and no other element is
// in both. The hashes of round 2 keep whoever speaks last from fitting its list to the other's.
#include "attest/base/hash.hpp"
#include "attest/base/json_text.hpp"
#include "session/protocols/psi_size/blinding.hpp"
#include "session/protocols/psi_size/errc.hpp"
#include "session/protocols/psi_size/intake.hpp"

namespace concordat::session::psi_size {
namespace {

constexpr std::string_view kCommitmentDomain = "concordat/session/psi_size/1 list";
enum : Round { kItems = 1, kCommitments, kLists };

class PsiSize final : public Protocol {
 public:
  PsiSize(const Parameters& parameters, base::SecretBytes digests, const Seat& seat)
      : size_(parameters.max_items), digests_(std::move(digests)), seat_(seat) {}

  [[nodiscard]] Round rounds() const noexcept override { return kLists; }
  [[nodiscard]] RoundShape shape(Round round) const noexcept override {
    return {round == kCommitments ? base::Sha256Digest::kSize : size_ * Element::kSize, 0};
  }
  [[nodiscard]] bool work() override;
  [[nodiscard]] base::Result<Outgoing> send(Round round) override;
  [[nodiscard]] base::Status check_broadcast(Round round, PartyIndex from,
                                             base::BytesView broadcast) const override;
  [[nodiscard]] base::Status check_letter(
      Round round, PartyIndex from, PartyIndex to, const base::SecretBytes& letter,
      const std::map<PartyIndex, base::Bytes>& broadcasts) const override;
  [[nodiscard]] base::Status receive(Round round, Incoming incoming) override;
  [[nodiscard]] base::Result<Output> output() override;

 private:
  // To a list that only whoever knows its key can guess, and so no salt hides it.
  [[nodiscard]] base::Sha256Digest commitment(PartyIndex from, base::BytesView list) const {
    const auto index = static_cast<std::uint8_t>(from == seat_.parties.front() ? 0 : 1);
    return base::sha256(
        {base::as_bytes(kCommitmentDomain), seat_.roster.view(), {&index, 1}, list});
  }

  std::size_t size_;           // of every list
  base::SecretBytes digests_;  // as many as `size_`, whatever the number of items
  Seat seat_;
  base::sharing::Scalar key_ = base::sharing::Scalar::random();
  // What is blinded, and how much of it is: our items for round 1, then the other's for round 3.
  std::vector<Element> theirs_, blinded_;
  base::Bytes list_;  // of round 1, and then of round 3, ours
  std::map<PartyIndex, base::Bytes> commitments_;
  std::size_t common_ = 0;
};

bool PsiSize::work() {
  if (digests_.empty() && theirs_.empty()) return false;
  const bool is_left = digests_.empty() ? blind_again(theirs_, key_, kItemsAPart, blinded_)
                                        : blind(digests_, key_, kItemsAPart, blinded_);
  if (is_left) return true;
  sort(blinded_);
  list_ = encode(blinded_);
  digests_.wipe();
  theirs_.clear();
  blinded_.clear();
  return false;
}

base::Result<Outgoing> PsiSize::send(Round round) {
  while (work()) {
  }
  Outgoing out;
  if (round == kCommitments) {
    out.broadcast = base::to_bytes(commitment(seat_.self, list_).view());
  } else {
    out.broadcast = list_;
  }
  return out;
}

base::Status PsiSize::check_broadcast(Round round, PartyIndex from,
                                      base::BytesView broadcast) const {
  if (round == kCommitments) {
    if (broadcast.size() == base::Sha256Digest::kSize) return {};
    return base::Error(Errc::wrong_size, std::to_string(broadcast.size()) + " bytes, want 32");
  }
  if (round == kLists && !base::equal(commitment(from, broadcast).view(), commitments_.at(from)))
    return base::Error(Errc::not_as_committed);
  CONCORDAT_CHECK(decode(broadcast, size_));
  return {};
}

base::Status PsiSize::check_letter(Round, PartyIndex, PartyIndex, const base::SecretBytes&,
                                   const std::map<PartyIndex, base::Bytes>&) const {
  return base::Error(Errc::wrong_size, "this protocol has no letters");
}

base::Status PsiSize::receive(Round round, Incoming incoming) {
  if (round == kCommitments) {
    commitments_ = std::move(incoming.broadcasts);
    return {};
  }
  std::vector<std::vector<Element>> lists;  // of each party
  for (const auto& [from, broadcast] : incoming.broadcasts) {
    lists.push_back(elements_of(broadcast));
    if (round == kItems && from != seat_.self) theirs_ = lists.back();
  }
  if (round == kLists) {
    std::vector<Element> common;
    std::ranges::set_intersection(lists.at(0), lists.at(1), std::back_inserter(common));
    common_ = common.size();
  }
  return {};
}

base::Result<Output> PsiSize::output() {
  base::JsonText json;
  json.begin_object()
      .member("protocol", "psi_size/1")
      .member("size", static_cast<std::uint64_t>(common_))
      .end_object();
  return Output{base::to_bytes(base::as_bytes(json.text())), {}};
}

}  // namespace

std::unique_ptr<Protocol> make_protocol(const Parameters& parameters, base::SecretBytes digests,
                                        const Seat& seat) {
  return std::make_unique<PsiSize>(parameters, std::move(digests), seat);
}

}  // namespace concordat::session::psi_size
