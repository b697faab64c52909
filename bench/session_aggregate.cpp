// A million rows among three parties, from their files to the result, beside reading and summing
// the same files in one process. The parties' objects hand one another their messages directly:
// what forms a session and carries messages is not in it.
#include <fcntl.h>

#include <array>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "attest/base/descriptor.hpp"
#include "bench/capture.hpp"
#include "session/input/decimal.hpp"
#include "session/input/table.hpp"
#include "session/protocols/aggregate/kind.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::bench {
namespace {

using namespace session;

constexpr std::size_t kParties = 3;
constexpr std::size_t kRows = 1'000'000;
constexpr std::size_t kPiece = 64 * 1024;
constexpr std::array<const char*, 4> kCountries{"CH", "DE", "FR", "IT"};
constexpr std::string_view kParameters = R"({
  "max_rows": 1000000, "numbers": {"amount": {"decimals": 2, "max": "100000.00"}},
  "results": [{"name": "by_country", "by": "country", "values": ["CH", "DE", "FR", "IT"],
               "of": {"amount": ["sum", "mean", "variance"]}}]})";

void check(const base::Status& status) {
  if (!status) throw std::runtime_error("aggregate bench: " + status.error().to_string());
}

// Each party's table.
class Tables {
 public:
  Tables() {
    for (std::size_t party = 0; party < kParties; ++party) {
      std::ofstream file(path(party));
      file << "id,country,amount,note\n";
      for (std::size_t row = party; row < kRows; row += kParties) {
        file << row << "," << kCountries[row % kCountries.size()] << "," << row % 99'991 << "."
             << 10 + row % 90 << ",\"invoice, paid\"\n";
      }
      if (!file.flush()) throw std::runtime_error("aggregate bench: cannot write a table");
    }
  }

  template <class Take>
  void read(std::size_t party, const Take& take) const {
    const base::Descriptor file(::open(path(party).c_str(), O_RDONLY | O_CLOEXEC));
    base::Bytes piece(kPiece);
    for (;;) {
      const ssize_t size = ::read(file.get(), piece.data(), piece.size());
      if (size < 0) throw std::runtime_error("aggregate bench: cannot read a table");
      if (size == 0) return;
      check(take(base::BytesView(piece).first(static_cast<std::size_t>(size))));
    }
  }

 private:
  [[nodiscard]] std::filesystem::path path(std::size_t party) const {
    return folder_.path() / std::to_string(party);
  }

  test::TemporaryFolder folder_;
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

// The column's sum and nothing else.
class PlainSum final : public input::Rows {
 public:
  [[nodiscard]] base::Status cell(std::size_t, std::string_view text) override {
    CONCORDAT_TRY(const std::int64_t number, input::parse_decimal(text, 2));
    sum_ += number;
    return {};
  }
  [[nodiscard]] base::Status end_of_row() override {
    ++rows_;
    return {};
  }
  [[nodiscard]] bool is_whole() const noexcept { return rows_ == kRows && sum_ > 0; }

 private:
  std::size_t rows_ = 0;
  std::int64_t sum_ = 0;
};

void sum_plainly() {
  PlainSum sum;
  for (std::size_t party = 0; party < kParties; ++party) {
    const auto reader = input::make_csv_reader({"amount"});
    tables().read(party, [&](base::BytesView piece) { return reader->feed(piece, sum); });
    check(reader->finish(sum));
  }
  if (!sum.is_whole()) throw std::runtime_error("aggregate bench: rows were lost");
}

using Parties = std::vector<std::unique_ptr<Protocol>>;

void exchange(Parties& parties, Round round) {
  std::vector<Outgoing> sent;
  std::map<PartyIndex, base::Bytes> broadcasts;
  for (const auto& party : parties) {
    sent.push_back(party->send(round).value());
    broadcasts[static_cast<PartyIndex>(sent.size())] = sent.back().broadcast;
  }
  for (std::size_t i = 0; i < parties.size(); ++i) {
    Incoming incoming{broadcasts, {}};
    for (std::size_t j = 0; j < parties.size(); ++j) {
      const auto from = static_cast<PartyIndex>(j + 1), to = static_cast<PartyIndex>(i + 1);
      check(parties[i]->check_broadcast(round, from, broadcasts[from]));
      const auto letter = sent[j].letters.find(to);
      if (letter == sent[j].letters.end()) continue;
      check(parties[i]->check_letter(round, from, to, letter->second, broadcasts));
      incoming.letters.emplace(from, std::move(letter->second));
    }
    check(parties[i]->receive(round, std::move(incoming)));
  }
}

void aggregate_privately() {
  Parties parties;
  for (std::size_t i = 0; i < kParties; ++i) {
    auto intake = aggregate::kind().take(base::as_bytes(kParameters), kParties, 0).value();
    tables().read(i, [&](base::BytesView piece) { return intake->feed(piece); });
    parties.push_back(intake->begin({static_cast<PartyIndex>(i + 1), {1, 2, 3}, 0, {}}).value());
  }
  for (Round round = 1; round <= parties.front()->rounds(); ++round)
    exchange(parties, round);
  for (const auto& party : parties)
    if (party->output().value().result.empty()) throw std::runtime_error("aggregate bench: empty");
}

template <void (*job)()>
Work repeated() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      job();
  };
}

double aggregate_ratio(int rounds, double slice) {
  return median_ratio(
      {repeated<aggregate_privately>(), repeated<sum_plainly>()},
      [](const std::vector<double>& s) { return s[0] / s[1]; }, rounds, slice);
}

BENCHMARK_CAPTURE(run, aggregate_1m, repeated<aggregate_privately>)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, sum_1m_plainly, repeated<sum_plainly>)->Unit(benchmark::kMillisecond);

}  // namespace

std::vector<Ratio> session_aggregate_ratios() {
  return {
      {"aggregate_1m",
       "a million rows among three parties, sums and variances by group, without messaging, over "
       "reading and summing the same files",
       false, 2.0, aggregate_ratio}};
}

}  // namespace concordat::bench
