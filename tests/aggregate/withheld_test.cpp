// Groups below the smallest size: withheld from everybody, the parties' own enclaves included.
#include <set>

#include "attest/base/secret_access.hpp"
#include "attest/base/sharing/group.hpp"
#include "session/protocols/aggregate/errc.hpp"
#include "session/protocols/aggregate/words.hpp"
#include "tests/aggregate/aggregate_fixture.hpp"

namespace concordat::session::aggregate {
namespace {

constexpr std::size_t kGroups = 4;
constexpr std::size_t kSmallest = 3;
constexpr std::size_t kElement = 32;

std::string parameters(std::size_t smallest = kSmallest) {
  return R"({"max_rows":100,"numbers":{"x":{"max":"100"}},"min_group_size":)" +
         std::to_string(smallest) +
         R"(,"results":[{"name":"r","by":"g","values":["a","b","c","d"],"of":{"x":["sum"]}}]})";
}

// Rows of value 1 in each group.
std::string table(const std::array<std::size_t, kGroups>& sizes) {
  std::string out = "g,x\n";
  for (std::size_t group = 0; group < kGroups; ++group)
    for (std::size_t i = 0; i < sizes[group]; ++i)
      out += std::string(1, static_cast<char>('a' + group)) + ",1\n";
  return out;
}

TEST(Withheld, AreTheGroupsBelowTheSmallestSize) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 12; ++i) {
    const std::size_t smallest = 2 + random() % 5;
    std::array<std::size_t, kGroups> totals{};
    std::vector<std::string> tables;
    for (std::size_t parties = 2 + random() % 3; parties > 0; --parties) {
      std::array<std::size_t, kGroups> sizes;
      for (std::size_t group = 0; group < kGroups; ++group)
        totals[group] += sizes[group] = random() % 4;
      tables.push_back(table(sizes));
    }
    const Json groups = groups_of(run(parameters(smallest), tables, {}, random()));
    for (std::size_t group = 0; group < kGroups; ++group) {
      EXPECT_EQ(groups[group].contains("withheld"), totals[group] < smallest) << totals[group];
      EXPECT_EQ(groups[group].size(), totals[group] < smallest ? 2u : 3u);
      if (totals[group] < smallest) continue;
      EXPECT_EQ(groups[group]["count"], totals[group]);
    }
  }
}

TEST(Withheld, MayBeAllOrTheOnlyOne) {
  EXPECT_EQ(groups_of(run(parameters(), {table({2, 0, 1, 0}), table({0, 0, 1, 2})})).dump(),
            R"([{"group":"a","withheld":true},{"group":"b","withheld":true},)"
            R"({"group":"c","withheld":true},{"group":"d","withheld":true}])");
  const std::string one = R"({"max_rows":9,"min_group_size":2,"results":[{"name":"all"}]})";
  EXPECT_EQ(groups_of(run(one, {"x\n1\n", "x\n"})).dump(), R"([{"withheld":true}])");
  EXPECT_EQ(groups_of(run(one, {"x\n1\n", "x\n1\n"})).dump(), R"([{"count":2}])");
}

TEST(Withheld, AreNeverOpened) {
  for (const auto& [sizes, shown] : {std::pair{std::array<std::size_t, kGroups>{5, 1, 2, 9}, 2u},
                                     {{0, 0, 0, 0}, 0u},
                                     {{3, 3, 3, 3}, 4u}}) {
    std::size_t opened = 0;
    const auto result = run(parameters(), {table(sizes), table({0, 0, 0, 0})},
                            {[&, rounds = 2 + 5](Round round, PartyIndex, Outgoing& out) {
                               if (round == static_cast<Round>(rounds))
                                 opened = out.broadcast.size();
                             },
                             {}});
    EXPECT_EQ(result.what(), "ended well");
    EXPECT_EQ(opened, kSalt + shown * 2 * kWordSize);
  }
}

// What is decrypted, group by group: an identity at most, in a place that says nothing, and
// otherwise elements that no small number of rows leads to.
struct Decrypted {
  std::vector<std::size_t> identities;  // places within their groups
  std::size_t guessable = 0;
};

using Group = base::sharing::Ristretto255;

Group::Element negated(const Group::Element& element) {
  base::sharing::Scalar minus_one = base::sharing::Scalar::from_number(0);
  minus_one -= base::sharing::Scalar::from_number(1);
  return *base::sharing::times<Group>(element, minus_one);
}

// What a size less one of the test's numbers could be, times the base point.
const std::set<Group::Element>& guessable() {
  static const std::set<Group::Element> found = [] {
    std::set<Group::Element> out;
    for (std::uint32_t rows = 1; rows < 50; ++rows) {
      const auto times =
          *base::sharing::times_base<Group>(base::sharing::Scalar::from_number(rows));
      out.insert(times);
      out.insert(negated(times));
    }
    return out;
  }();
  return found;
}

Group::Element element_at(const base::Bytes& bytes, std::size_t index) {
  return Group::Element::from(base::BytesView(bytes).subspan(index * kElement, kElement)).value();
}

Decrypted decrypted(const std::vector<std::string>& tables) {
  const auto parties = static_cast<Round>(tables.size());
  base::Bytes list;
  Decrypted out;
  const auto look = [&](Round round, test::Sent& sent) {
    if (round == parties + 2) list = sent.at(parties).broadcast;
    if (round != parties + 3) return;
    for (std::size_t i = 0; i < kGroups * kSmallest; ++i) {
      std::optional<Group::Element> message = element_at(list, 2 * i + 1);
      for (const auto& [from, share] : sent)
        message = base::sharing::plus<Group>(*message, negated(element_at(share.broadcast, i)));
      if (!message) {
        out.identities.push_back(i % kSmallest);
      } else {
        out.guessable += guessable().count(*message);
      }
    }
  };
  EXPECT_EQ(run(parameters(), tables, {{}, look}).what(), "ended well");
  return out;
}

TEST(Withheld, OfASizeNothingIsSeenButWhetherItIsBelow) {
  std::array<std::size_t, kSmallest> places{};
  for (int i = 0; i < 40; ++i) {
    const Decrypted seen = decrypted({table({1, 4, 2, 30}), table({1, 0, 0, 0})});
    EXPECT_EQ(seen.identities.size(), 2u);  // of a and c
    EXPECT_EQ(seen.guessable, 0u);
    for (const std::size_t place : seen.identities)
      ++places[place];
  }
  // Both sizes are 2. Without mixing the place would be 2 always; here each has a third of 80.
  for (const std::size_t count : places)
    EXPECT_GT(count, 4u);
}

void expect_fault(Round at, PartyIndex from, const std::function<void(Outgoing&)>& change,
                  Errc code) {
  const auto result =
      run(parameters(), {table({1, 2, 3, 4}), table({4, 3, 2, 1}), table({0, 0, 0, 0})},
          {[&](Round round, PartyIndex sender, Outgoing& out) {
             if (round == at && sender == from) change(out);
           },
           {}});
  ASSERT_TRUE(result.fault) << at << ": " << result.what();
  EXPECT_EQ(result.fault->round, at);
  EXPECT_EQ(result.fault->from, from);
  EXPECT_TRUE(result.fault->error.is(code)) << result.what();
}

// Rounds of three parties: 1 shares, 2 sizes, 3 to 5 mixing, 6 decryption, 7 commitments, 8
// openings.
TEST(Withheld, AWrongBroadcastNamesItsSender) {
  for (const Round round : {1u, 2u, 4u, 6u}) {
    expect_fault(
        round, 2, [](Outgoing& out) { out.broadcast.clear(); }, Errc::wrong_size);
    expect_fault(
        round, 2, [](Outgoing& out) { out.broadcast.resize(out.broadcast.size() + kElement); },
        Errc::wrong_size);
    for (const int byte : {0x00, 0xff, 0x01}) {  // the identity, not canonical, negative
      expect_fault(
          round, 2,
          [=](Outgoing& out) { std::fill_n(out.broadcast.end() - kElement, kElement, byte); },
          Errc::not_canonical);
    }
  }
  // Mixing when it is another's turn.
  expect_fault(
      3, 2, [](Outgoing& out) { out.broadcast.resize(2 * kGroups * kSmallest * kElement); },
      Errc::wrong_size);
  expect_fault(
      8, 2, [](Outgoing& out) { out.broadcast.back() ^= 1; }, Errc::not_as_committed);
}

TEST(Withheld, SharesOfSizesAreCanonical) {
  expect_fault(
      1, 3,
      [](Outgoing& out) {
        const auto letter = out.letters.at(1).expose_mutable(base::SecretAccess{});
        std::fill(letter.end() - 32, letter.end(), std::uint8_t{0xff});
      },
      Errc::not_canonical);
}

// A test that was cheated, so that it calls a small group large, leaves the count to be seen: it is
// opened, and no honest party has a result.
TEST(Withheld, ACountBelowTheSmallestIsNoResult) {
  const auto result = run(parameters(), {table({1, 5, 5, 5}), table({0, 0, 0, 0})},
                          {[](Round round, PartyIndex from, Outgoing& out) {
                             // The last to mix repeats the ciphertexts of a large group.
                             const std::size_t list = 2 * kSmallest * kElement;
                             if (round == 4 && from == 2)
                               std::copy_n(&out.broadcast[list], list, out.broadcast.begin());
                           },
                           {}});
  ASSERT_TRUE(result.ended) << result.what();
  EXPECT_TRUE(result.ended->is(Errc::impossible_total));
}

}  // namespace
}  // namespace concordat::session::aggregate
