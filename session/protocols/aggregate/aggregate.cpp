// phase         broadcast of party j                     letter of party j to i
// shares        [its part of the key]                    uniform words, which j takes from its
// tally [sizes        its shares of the groups' sizes, encrypted] [mixing       in the turn of j:
// the list, mixed]       as many rounds as parties [decryption   its part of it] commitments   hash
// of its opening openings      salt, and what j kept and got, added up
//
// The sum of all openings is the total. What stands in brackets is for a smallest group size alone;
// then words of smaller groups are not opened. The hashes keep whoever speaks last from fitting its
// opening to the others'.
#include "session/protocols/aggregate/aggregate.hpp"

#include <optional>

#include "attest/base/hash.hpp"
#include "attest/base/random.hpp"
#include "session/protocols/aggregate/errc.hpp"
#include "session/protocols/aggregate/result.hpp"
#include "session/protocols/aggregate/size_test.hpp"

namespace concordat::session::aggregate {
namespace {

constexpr std::string_view kOpeningDomain = "concordat/session/aggregate/1 opening";
constexpr std::size_t kSaltSize = 32;
using base::sharing::kElementSize;
using base::sharing::kScalarSize;

enum class Phase { shares, sizes, mixing, decryption, commitments, openings };

std::vector<base::BytesView> views_of(const std::map<PartyIndex, base::Bytes>& broadcasts) {
  std::vector<base::BytesView> out;
  for (const auto& [from, broadcast] : broadcasts)
    out.emplace_back(broadcast);
  return out;
}

base::Status check_size(std::size_t size, std::size_t want) {
  if (size == want) return {};
  return base::Error(Errc::wrong_size,
                     std::to_string(size) + " bytes, want " + std::to_string(want));
}

class Aggregate final : public Protocol {
 public:
  Aggregate(std::unique_ptr<const Parameters> parameters, Words tally, const Seat& seat);

  [[nodiscard]] Round rounds() const noexcept override {
    return is_tested() ? static_cast<Round>(parties()) + 5 : 3;
  }
  [[nodiscard]] RoundShape shape(Round round) const noexcept override;
  [[nodiscard]] base::Result<Outgoing> send(Round round) override;
  [[nodiscard]] base::Status check_broadcast(Round round, PartyIndex from,
                                             base::BytesView broadcast) const override;
  [[nodiscard]] base::Status check_letter(
      Round round, PartyIndex from, PartyIndex to, const base::SecretBytes& letter,
      const std::map<PartyIndex, base::Bytes>& broadcasts) const override;
  [[nodiscard]] base::Status receive(Round round, Incoming incoming) override;
  [[nodiscard]] base::Result<Output> output() override;

 private:
  [[nodiscard]] std::size_t parties() const noexcept { return seat_.parties.size(); }
  [[nodiscard]] bool is_tested() const noexcept { return size_test_.has_value(); }
  [[nodiscard]] Phase phase(Round round) const noexcept;
  // Whose turn to mix it is.
  [[nodiscard]] PartyIndex mixer(Round round) const noexcept { return seat_.parties[round - 3]; }

  [[nodiscard]] Outgoing deal();
  void prepare_opening();
  [[nodiscard]] base::Sha256Digest commitment(PartyIndex from, base::BytesView opening) const;
  [[nodiscard]] base::Status take_shares(const Incoming& incoming);
  void add_up(const std::map<PartyIndex, base::Bytes>& openings);

  // Calls `take` with the first word and the number of words of each group that is shown.
  template <class Take>
  void for_each_shown(const Take& take) const;

  std::unique_ptr<const Parameters> parameters_;
  Words words_;  // the tally, then what is kept of it, then that and what the others' letters add
  Seat seat_;
  std::optional<SizeTest> size_test_;
  std::vector<bool> shown_;  // of each group of all breakdowns
  base::Bytes opening_;
  std::map<PartyIndex, base::Bytes> commitments_;
  std::vector<SignedWord> totals_;
};

std::optional<SizeTest> make_size_test(const Parameters& parameters, const Words& tally) {
  if (parameters.tested_groups() == 0) return std::nullopt;
  const std::size_t width = parameters.breakdowns.front().width();
  std::vector<Scalar> sizes;
  for (std::size_t group = 0; group < parameters.tested_groups(); ++group)
    sizes.push_back(Scalar::from_number(tally.count_at(group * width)));
  return SizeTest(parameters.tested_groups(), parameters.min_group_size, std::move(sizes));
}

Aggregate::Aggregate(std::unique_ptr<const Parameters> parameters, Words tally, const Seat& seat)
    : parameters_(std::move(parameters)),
      words_(std::move(tally)),
      seat_(seat),
      size_test_(make_size_test(*parameters_, words_)) {
  for (const Breakdown& breakdown : parameters_->breakdowns)
    shown_.resize(shown_.size() + breakdown.groups(), true);
}

template <class Take>
void Aggregate::for_each_shown(const Take& take) const {
  std::size_t group = 0;
  for (const Breakdown& breakdown : parameters_->breakdowns) {
    for (std::size_t i = 0; i < breakdown.groups(); ++i)
      if (shown_[group++]) take(breakdown.first_word + i * breakdown.width(), breakdown.width());
  }
}

Phase Aggregate::phase(Round round) const noexcept {
  if (round == 1) return Phase::shares;
  if (round == rounds()) return Phase::openings;
  if (round + 1 == rounds()) return Phase::commitments;
  if (round == 2) return Phase::sizes;
  return round + 2 == rounds() ? Phase::decryption : Phase::mixing;
}

RoundShape Aggregate::shape(Round round) const noexcept {
  const auto elements = [](std::size_t count) { return RoundShape{count * kElementSize, 0}; };
  switch (phase(round)) {
    case Phase::shares:
      return {is_tested() ? size_test_->key_elements() * kElementSize : 0,
              parameters_->words() * kWordSize + parameters_->tested_groups() * kScalarSize};
    case Phase::sizes:
      return elements(size_test_->encrypted_elements());
    case Phase::mixing:
      return elements(size_test_->list_elements());
    case Phase::decryption:
      return elements(size_test_->decryption_elements());
    case Phase::commitments:
      return {base::Sha256Digest::kSize, 0};
    case Phase::openings:
      break;
  }
  return {kSaltSize + parameters_->words() * kWordSize, 0};
}

base::Result<Outgoing> Aggregate::send(Round round) {
  Outgoing out;
  switch (phase(round)) {
    case Phase::shares:
      return deal();
    case Phase::sizes: {
      CONCORDAT_TRY(out.broadcast, size_test_->encrypted());
      break;
    }
    case Phase::mixing:
      if (mixer(round) == seat_.self) {
        CONCORDAT_TRY(out.broadcast, size_test_->mixed());
      }
      break;
    case Phase::decryption: {
      CONCORDAT_TRY(out.broadcast, size_test_->decryption_share());
      break;
    }
    case Phase::commitments:
      prepare_opening();
      out.broadcast = base::to_bytes(commitment(seat_.self, opening_).view());
      break;
    case Phase::openings:
      out.broadcast = opening_;
      break;
  }
  return out;
}

Outgoing Aggregate::deal() {
  Outgoing out;
  for (const PartyIndex to : seat_.parties) {
    if (to == seat_.self) continue;
    const Words share = Words::random(parameters_->words());
    words_ -= share;
    base::SecretBytes letter = share.letter(parameters_->tested_groups() * kScalarSize);
    if (is_tested()) size_test_->deal(letter, parameters_->words() * kWordSize);
    out.letters.emplace(to, std::move(letter));
  }
  if (is_tested()) out.broadcast = size_test_->key_share();
  return out;
}

void Aggregate::prepare_opening() {
  opening_.resize(kSaltSize);
  base::SystemRandom().fill(opening_);
  for_each_shown(
      [&](std::size_t first, std::size_t count) { words_.publish(first, count, opening_); });
}

base::Sha256Digest Aggregate::commitment(PartyIndex from, base::BytesView opening) const {
  std::array<std::uint8_t, 4> index;
  for (std::size_t i = 0; i < index.size(); ++i)
    index[i] = static_cast<std::uint8_t>(from >> (8 * (3 - i)));
  return base::sha256({base::as_bytes(kOpeningDomain), seat_.roster.view(), index, opening});
}

base::Status Aggregate::check_broadcast(Round round, PartyIndex from,
                                        base::BytesView broadcast) const {
  switch (phase(round)) {
    case Phase::shares:
      return check_elements(broadcast, is_tested() ? size_test_->key_elements() : 0);
    case Phase::sizes:
      return check_elements(broadcast, size_test_->encrypted_elements());
    case Phase::mixing:
      return check_elements(broadcast, from == mixer(round) ? size_test_->list_elements() : 0);
    case Phase::decryption:
      return check_elements(broadcast, size_test_->decryption_elements());
    case Phase::commitments:
      return check_size(broadcast.size(), base::Sha256Digest::kSize);
    case Phase::openings:
      break;
  }
  std::size_t words = 0;
  for_each_shown([&](std::size_t, std::size_t count) { words += count; });
  CONCORDAT_CHECK(check_size(broadcast.size(), kSaltSize + words * kWordSize));
  if (!base::equal(commitment(from, broadcast).view(), commitments_.at(from)))
    return base::Error(Errc::not_as_committed);
  return {};
}

base::Status Aggregate::check_letter(Round round, PartyIndex, PartyIndex,
                                     const base::SecretBytes& letter,
                                     const std::map<PartyIndex, base::Bytes>&) const {
  CONCORDAT_CHECK(check_size(letter.size(), shape(round).letter));
  if (phase(round) != Phase::shares) return {};
  return check_size_shares(letter, parameters_->words() * kWordSize, parameters_->tested_groups());
}

base::Status Aggregate::take_shares(const Incoming& incoming) {
  for (const auto& [from, letter] : incoming.letters) {
    words_ += Words::first_of(letter, parameters_->words());
    if (is_tested()) CONCORDAT_CHECK(size_test_->add(letter, parameters_->words() * kWordSize));
  }
  if (!is_tested()) return {};
  return size_test_->set_key(views_of(incoming.broadcasts));
}

void Aggregate::add_up(const std::map<PartyIndex, base::Bytes>& openings) {
  for (const auto& [from, opening] : openings) {
    const base::BytesView words = base::BytesView(opening).subspan(kSaltSize);
    totals_.resize(words.size() / kWordSize, 0);
    for (std::size_t i = 0; i < totals_.size(); ++i)
      totals_[i] = static_cast<SignedWord>(static_cast<Word>(totals_[i]) + word_at(words, i));
  }
}

base::Status Aggregate::receive(Round round, Incoming incoming) {
  switch (phase(round)) {
    case Phase::shares:
      return take_shares(incoming);
    case Phase::sizes:
      return size_test_->begin(views_of(incoming.broadcasts));
    case Phase::mixing:
      return size_test_->set_list(incoming.broadcasts.at(mixer(round)));
    case Phase::decryption: {
      CONCORDAT_TRY(shown_, size_test_->large_enough(views_of(incoming.broadcasts)));
      break;
    }
    case Phase::commitments:
      commitments_ = std::move(incoming.broadcasts);
      break;
    case Phase::openings:
      add_up(incoming.broadcasts);
      break;
  }
  return {};
}

base::Result<Output> Aggregate::output() {
  CONCORDAT_TRY(base::Bytes result, format_result(*parameters_, shown_, totals_));
  return Output{std::move(result), {}};
}

}  // namespace

base::Result<std::unique_ptr<Protocol>> make_protocol(std::unique_ptr<const Parameters> parameters,
                                                      Words tally, const Seat& seat) {
  if (seat.parties.size() != parameters->parties) {
    return base::Error(Errc::bad_parties, std::to_string(seat.parties.size()) + ", want " +
                                              std::to_string(parameters->parties));
  }
  return std::unique_ptr<Protocol>(
      std::make_unique<Aggregate>(std::move(parameters), std::move(tally), seat));
}

}  // namespace concordat::session::aggregate
