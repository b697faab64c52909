#include "tests/session/simulator/test_protocols.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::session::test {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using base::Status;

constexpr std::size_t kNumberSize = 8;
constexpr std::size_t kOpeningSize = kNumberSize + 16;  // a number and what hides it
constexpr std::size_t kDigestSize = base::Sha256Digest::kSize;

Error wrong(std::string what) {
  return {base::EncodingErrc::wrong_length, std::move(what)};
}

void write_number(std::span<std::uint8_t> to, std::uint64_t number) {
  for (std::size_t i = 0; i < kNumberSize; ++i)
    to[i] = static_cast<std::uint8_t>(number >> 8 * i);
}
std::uint64_t read_number(BytesView from) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < kNumberSize; ++i)
    out |= std::uint64_t{from[i]} << 8 * i;
  return out;
}
Bytes opening(std::uint64_t number) {
  Bytes out(kOpeningSize);
  base::SystemRandom().fill(out);
  write_number(out, number);
  return out;
}
BytesView content_of(const SecretBytes& letter) {
  return letter.expose(base::SecretAccess{});
}

Result<Output> sum_of(const std::map<PartyIndex, Bytes>& numbers) {
  std::uint64_t sum = 0;
  for (const auto& [from, number] : numbers)
    sum += read_number(number);
  Bytes result(kNumberSize);
  write_number(result, sum);
  return Output{result, SecretBytes::zeroed(1)};
}

class CommittedSum : public Protocol {
 public:
  CommittedSum(std::uint64_t number, Seat seat)
      : opening_(opening(number)), seat_(std::move(seat)) {}

  Round rounds() const noexcept override { return 2; }
  RoundShape shape(Round round) const noexcept override {
    return {round == 1 ? kDigestSize : kOpeningSize, 0};
  }
  Result<Outgoing> send(Round round) override {
    Outgoing out;
    out.broadcast = round == 1 ? base::to_bytes(base::sha256({opening_}).view()) : opening_;
    return out;
  }
  Status check_broadcast(Round round, PartyIndex from, BytesView broadcast) const override {
    if (broadcast.size() != shape(round).broadcast) return wrong("size");
    if (round == 1) return {};
    if (base::equal(base::sha256({broadcast}).view(), commitments_.at(from))) return {};
    return wrong("not as committed");
  }
  Status check_letter(Round, PartyIndex, PartyIndex, const SecretBytes&,
                      const std::map<PartyIndex, Bytes>&) const override {
    return wrong("no letters");
  }
  Status receive(Round round, Incoming incoming) override {
    (round == 1 ? commitments_ : openings_) = std::move(incoming.broadcasts);
    return {};
  }
  Result<Output> output() override { return sum_of(openings_); }

 protected:
  Bytes opening_;
  Seat seat_;
  std::map<PartyIndex, Bytes> commitments_;
  std::map<PartyIndex, Bytes> openings_;
};

class LateLetters final : public CommittedSum {
 public:
  using CommittedSum::CommittedSum;

  RoundShape shape(Round round) const noexcept override {
    return {CommittedSum::shape(round).broadcast, round == 2 ? kDigestSize : 0};
  }
  Result<Outgoing> send(Round round) override {
    CONCORDAT_TRY(Outgoing out, CommittedSum::send(round));
    for (const PartyIndex to : seat_.parties) {
      if (round == 1 || to == seat_.self) continue;
      Bytes copy = base::to_bytes(letter_for(opening_, to).view());
      out.letters[to] = SecretBytes::take(copy);
    }
    return out;
  }
  Status check_letter(Round, PartyIndex from, PartyIndex to, const SecretBytes& letter,
                      const std::map<PartyIndex, Bytes>& broadcasts) const override {
    if (base::equal(content_of(letter), letter_for(broadcasts.at(from), to).view())) return {};
    return wrong("not of the opening");
  }

 private:
  static base::Sha256Digest letter_for(const Bytes& opening, PartyIndex to) {
    const auto index = static_cast<std::uint8_t>(to);
    return base::sha256({opening, {&index, 1}});
  }
};

class SharedSum final : public Protocol {
 public:
  SharedSum(std::uint64_t number, Seat seat) : number_(number), seat_(std::move(seat)) {}

  Round rounds() const noexcept override { return 2; }
  RoundShape shape(Round round) const noexcept override {
    if (round == 2) return {kNumberSize, 0};
    return {kDigestSize * seat_.parties.size(), kOpeningSize};
  }
  Result<Outgoing> send(Round round) override {
    Outgoing out;
    if (round == 2) {
      out.broadcast.resize(kNumberSize);
      write_number(out.broadcast, own_ + received_);
      return out;
    }
    own_ = number_;
    for (const PartyIndex to : seat_.parties) {
      Bytes share = opening(0);
      base::SystemRandom().fill(std::span(share).first(kNumberSize));
      if (to == seat_.self) share = opening(0);
      base::append(out.broadcast, base::sha256({share}).view());
      own_ -= read_number(share);
      if (to != seat_.self) out.letters[to] = SecretBytes::take(share);
    }
    return out;
  }
  Status check_broadcast(Round round, PartyIndex, BytesView broadcast) const override {
    if (broadcast.size() == shape(round).broadcast) return {};
    return wrong("size");
  }
  Status check_letter(Round, PartyIndex from, PartyIndex to, const SecretBytes& letter,
                      const std::map<PartyIndex, Bytes>& broadcasts) const override {
    const auto place = std::ranges::find(seat_.parties, to) - seat_.parties.begin();
    const auto commitment =
        BytesView(broadcasts.at(from)).subspan(kDigestSize * place, kDigestSize);
    if (letter.size() == kOpeningSize &&
        base::equal(base::sha256({content_of(letter)}).view(), commitment)) {
      return {};
    }
    return wrong("not as committed");
  }
  Status receive(Round round, Incoming incoming) override {
    for (const auto& [from, letter] : incoming.letters)
      received_ += read_number(content_of(letter));
    if (round == 2) sums_ = std::move(incoming.broadcasts);
    return {};
  }
  Result<Output> output() override { return sum_of(sums_); }

 private:
  std::uint64_t number_;
  Seat seat_;
  std::uint64_t own_ = 0;
  std::uint64_t received_ = 0;
  std::map<PartyIndex, Bytes> sums_;
};

template <class P>
class NumberIntake final : public Intake {
 public:
  Status feed(BytesView piece) override {
    text_ += base::as_text(piece);
    return {};
  }
  Status restore(SecretBytes) override { return wrong("nothing is kept"); }
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    return std::unique_ptr<Protocol>(std::make_unique<P>(std::stoull(text_), seat));
  }

 private:
  std::string text_;
};

template <class P>
Result<std::unique_ptr<Intake>> take(BytesView, std::size_t, std::size_t) {
  return std::unique_ptr<Intake>(std::make_unique<NumberIntake<P>>());
}

}  // namespace

ProtocolKind committed_sum() {
  return {"test-committed-sum/1", take<CommittedSum>};
}
ProtocolKind shared_sum() {
  return {"test-shared-sum/1", take<SharedSum>};
}
ProtocolKind late_letters() {
  return {"test-late-letters/1", take<LateLetters>};
}

}  // namespace concordat::session::test
