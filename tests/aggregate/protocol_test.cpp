// What the parties show one another, and what becomes of whoever cheats.
#include <cmath>

#include "attest/base/secret_access.hpp"
#include "session/protocols/aggregate/errc.hpp"
#include "session/protocols/aggregate/words.hpp"
#include "tests/aggregate/aggregate_fixture.hpp"

namespace concordat::session::aggregate {
namespace {

constexpr const char* kSum = R"({"max_rows":1000,"numbers":{"x":{"max":"1000"}},
                                 "results":[{"name":"r","of":{"x":["sum"]}}]})";
const std::vector<std::string> kTables{"x\n1\n", "x\n2\n", "x\n3\n"};
enum : Round { kShares = 1, kCommitments, kOpenings };

base::Bytes letter_bytes(const Outgoing& outgoing, PartyIndex to) {
  return base::to_bytes(outgoing.letters.at(to).expose(base::SecretAccess{}));
}

// How often each bit of two words was set.
class Bits {
 public:
  void count(base::BytesView words) {
    ++runs_;
    for (std::size_t i = 0; i < set_.size(); ++i)
      set_[i] += words[i / 8] >> (i % 8) & 1;
  }
  // Six standard deviations from the half: once in two million such tests.
  void expect_uniform(const char* what) const {
    const double deviation = std::sqrt(runs_) / 2;
    for (std::size_t i = 0; i < set_.size(); ++i)
      EXPECT_NEAR(set_[i], runs_ / 2, 6 * deviation) << what << ", bit " << i;
  }

 private:
  double runs_ = 0;
  std::array<double, 256> set_{};
};

base::Bytes difference(base::BytesView a, base::BytesView b) {
  base::Bytes out(a.size());
  for (std::size_t i = 0; i < a.size() / kWordSize; ++i) {
    const Word word = word_at(a, i) - word_at(b, i);
    std::memcpy(&out[i * kWordSize], &word, kWordSize);
  }
  return out;
}

// Party 1 looks at all that it gets of party 2, whose table is `table`. Whatever that is, each
// share, the difference of two of one sender or one opening is uniform: only all openings say
// something, and they say the sum.
TEST(AggregateProtocol, AllButOneSeeUniformNumbersWhateverTheTable) {
  for (const std::string& table : {std::string("x\n"), std::string("x\n1000\n1000\n1000\n")}) {
    Bits to_one, between, opening;
    const test::Lockstep::Hooks look{
        {}, [&](Round round, test::Sent& sent) {
          if (round == kShares) {
            to_one.count(letter_bytes(sent.at(2), 1));
            between.count(difference(letter_bytes(sent.at(2), 1), letter_bytes(sent.at(2), 3)));
          } else if (round == kOpenings) {
            opening.count(base::BytesView(sent.at(2).broadcast).subspan(kSalt));
          }
        }};
    for (int i = 0; i < 400; ++i)
      ASSERT_EQ(run(kSum, {"x\n", table, "x\n"}, look).what(), "ended well");
    to_one.expect_uniform("letter");
    between.expect_uniform("difference of letters");
    opening.expect_uniform("opening");
  }
}

// For any letters that n - 1 parties got there is a third party's tally of every other table: the
// share that it kept makes up for it. So of two honest parties, tables may be exchanged unseen.
TEST(AggregateProtocol, TheOpeningsAddUpToTheTotalAndToNothingElse) {
  std::map<PartyIndex, base::Bytes> openings;
  const test::Lockstep::Hooks look{[&](Round round, PartyIndex from, Outgoing& out) {
                                     if (round == kOpenings) openings[from] = out.broadcast;
                                   },
                                   {}};
  ASSERT_EQ(run(kSum, kTables, look).what(), "ended well");
  Word rows = 0, sum = 0;
  for (const auto& [from, opening] : openings) {
    const auto words = base::BytesView(opening).subspan(kSalt);
    ASSERT_EQ(words.size(), 2 * kWordSize);
    EXPECT_GT(word_at(words, 0), 1u << 30);  // of party 1 alone it would be 1
    rows += word_at(words, 0);
    sum += word_at(words, 1);
  }
  EXPECT_TRUE(rows == 3 && sum == 6);
}

TEST(AggregateProtocol, MessagesSayNothingByTheirSize) {
  const auto sizes = [](const std::vector<std::string>& tables) {
    std::vector<std::size_t> out;
    (void)run(kSum, tables,
              {[&](Round, PartyIndex, Outgoing& sent) {
                 out.push_back(sent.broadcast.size());
                 for (const auto& [to, letter] : sent.letters)
                   out.push_back(letter.size());
               },
               {}});
    return out;
  };
  EXPECT_EQ(sizes(kTables), sizes({"x\n", "x\n1000\n1000\n", "x\n"}));
}

void expect_fault(const test::Lockstep::Hooks& hooks, Round round, PartyIndex from, Errc code,
                  bool is_letter = false) {
  const auto result = run(kSum, kTables, hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->round, round);
  EXPECT_EQ(result.fault->from, from);
  EXPECT_EQ(result.fault->is_letter, is_letter);
  EXPECT_TRUE(result.fault->error.is(code)) << result.what();
}

test::Lockstep::Hooks changes(Round at, const std::function<void(base::Bytes&)>& change) {
  return {[=](Round round, PartyIndex from, Outgoing& out) {
            if (round == at && from == 2) change(out.broadcast);
          },
          {}};
}

TEST(AggregateProtocol, AWrongBroadcastNamesItsSender) {
  expect_fault(changes(kShares, [](base::Bytes& b) { b.push_back(0); }), kShares, 2,
               Errc::wrong_size);
  expect_fault(changes(kCommitments, [](base::Bytes& b) { b.pop_back(); }), kCommitments, 2,
               Errc::wrong_size);
  expect_fault(changes(kCommitments, [](base::Bytes& b) { b[0] ^= 1; }), kOpenings, 2,
               Errc::not_as_committed);
  expect_fault(changes(kOpenings, [](base::Bytes& b) { b.clear(); }), kOpenings, 2,
               Errc::wrong_size);
  expect_fault(changes(kOpenings, [](base::Bytes& b) { b.push_back(0); }), kOpenings, 2,
               Errc::wrong_size);
  for (std::size_t at = 0; at < kSalt + 2 * kWordSize; ++at)
    expect_fault(changes(kOpenings, [=](base::Bytes& b) { b[at] ^= 1; }), kOpenings, 2,
                 Errc::not_as_committed);
}

TEST(AggregateProtocol, ALetterOfAnotherSizeIsProofAgainstItsSender) {
  for (const std::size_t size : {0, 31, 33, 64}) {
    expect_fault({[=](Round round, PartyIndex from, Outgoing& out) {
                    if (round == kShares && from == 3)
                      out.letters.at(1) = base::SecretBytes::zeroed(size);
                  },
                  {}},
                 kShares, 3, Errc::wrong_size, true);
  }
}

TEST(AggregateProtocol, WhoSpeaksLastCannotFitItsOpeningToTheOthers) {
  // It has seen all of them, and would have the total be 0.
  expect_fault({{},
                [](Round round, test::Sent& sent) {
                  if (round != kOpenings) return;
                  base::Bytes& own = sent.at(3).broadcast;
                  for (std::size_t i = 0; i < 2; ++i) {
                    Word rest = 0;
                    for (const PartyIndex other : {1u, 2u})
                      rest -= word_at(base::BytesView(sent.at(other).broadcast).subspan(kSalt), i);
                    std::memcpy(&own[kSalt + i * kWordSize], &rest, kWordSize);
                  }
                }},
               kOpenings, 3, Errc::not_as_committed);
  // Another's hash and then its opening: a hash is of its sender's opening alone.
  expect_fault({{},
                [](Round round, test::Sent& sent) {
                  if (round >= kCommitments) sent.at(3).broadcast = sent.at(1).broadcast;
                }},
               kOpenings, 3, Errc::not_as_committed);
}

// Shares that do not belong to a table shift the total. Where it leaves what tables can have, no
// honest party has a result; where it does not, the sender could as well have brought such a table.
TEST(AggregateProtocol, ATotalThatNoTablesHaveIsRefused) {
  const auto shifted = [](std::size_t word, SignedWord by) {
    return run(kSum, kTables,
               {[=](Round round, PartyIndex from, Outgoing& out) {
                  if (round != kShares || from != 2) return;
                  base::SecretBytes& letter = out.letters.at(1);
                  const auto bytes = letter.expose_mutable(base::SecretAccess{});
                  const Word changed = word_at(bytes, word) + static_cast<Word>(by);
                  std::memcpy(&bytes[word * kWordSize], &changed, kWordSize);
                },
                {}});
  };
  const auto impossible = [&](std::size_t word, SignedWord by) {
    const auto result = shifted(word, by);
    return result.ended && result.ended->is(Errc::impossible_total);
  };
  EXPECT_EQ(groups_of(shifted(1, 5)).dump(), R"([{"count":3,"of":[{"column":"x","sum":"11"}]}])");
  EXPECT_TRUE(impossible(0, -4));
  EXPECT_TRUE(impossible(0, 2998));
  EXPECT_FALSE(impossible(0, 2997));
  EXPECT_TRUE(impossible(0, static_cast<SignedWord>(1) << 80));
  EXPECT_TRUE(impossible(1, 2995));
  EXPECT_FALSE(impossible(1, 2994));
  EXPECT_TRUE(impossible(1, -3007));
}

}  // namespace
}  // namespace concordat::session::aggregate
