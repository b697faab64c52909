#include <algorithm>
#include <iterator>
#include <set>

#include "session/protocols/psi_size/errc.hpp"
#include "session/protocols/psi_size/limits.hpp"
#include "tests/psi_size/psi_fixture.hpp"

namespace concordat::session::psi_size {
namespace {

constexpr std::size_t kElement = 32;
constexpr std::string_view kFour = R"({"max_items":4})";
const std::array<std::string, 2> kInputs{"a\nb\nc\n", "b\nc\nd\n"};

std::string lines(const std::set<std::string>& items, std::mt19937_64& random) {
  std::vector<std::string> all(items.begin(), items.end());
  for (std::size_t i = 0, repeated = random() % 4; i < repeated && !items.empty(); ++i)
    all.push_back(all[random() % all.size()]);
  std::ranges::shuffle(all, random);
  std::string out;
  for (const std::string& item : all)
    out += item + (random() % 2 == 0 ? "\n" : "\r\n");
  return out;
}

// No part is longer than others' turns should be, and what is sent is the same kind of list.
TEST(PsiSize, BlindsInPartsBeforeItSends) {
  constexpr std::size_t kItems = 200;
  auto intake = taken(R"({"max_items": 200})").value();
  ASSERT_TRUE(intake->feed(base::as_bytes("a\nb\n")));
  const auto protocol = intake->begin(test::seats(2)[0]).value();
  std::size_t parts = 1;
  while (protocol->work())
    ++parts;
  EXPECT_EQ(parts, (kItems + kItemsAPart - 1) / kItemsAPart);
  EXPECT_FALSE(protocol->work()) << "nothing is left";
  const auto sent = protocol->send(1).value();
  EXPECT_EQ(sent.broadcast.size(), kItems * 32);
  EXPECT_TRUE(protocol->check_broadcast(1, 1, sent.broadcast));
}

TEST(PsiSize, IsThatOfTheIntersection) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 40; ++i) {
    std::array<std::set<std::string>, 2> sets;
    for (auto& set : sets) {
      for (std::size_t n = random() % 20; n > 0; --n)
        set.insert("item " + std::to_string(random() % 30));
    }
    std::vector<std::string> common;
    std::ranges::set_intersection(sets[0], sets[1], std::back_inserter(common));
    EXPECT_EQ(result_of(run(R"({"max_items":20})", {lines(sets[0], random), lines(sets[1], random)},
                            {}, random())),
              size_text(common.size()));
  }
}

// Of whatever a run sends, the elements of every round.
std::set<std::string> elements_sent(const std::array<std::string, 2>& inputs) {
  std::set<std::string> out;
  (void)run(
      kFour, inputs,
      {[&](Round round, PartyIndex, Outgoing& outgoing) {
         if (round == 2) return;
         EXPECT_EQ(outgoing.broadcast.size(), 4 * kElement) << "says how many items";
         for (std::size_t at = 0; at < outgoing.broadcast.size(); at += kElement)
           out.insert(base::to_hex(base::BytesView(outgoing.broadcast).subspan(at, kElement)));
       },
       {}});
  return out;
}

TEST(PsiSize, ShowsNeitherItemsNorHowManyThereAre) {
  std::set<std::string> seen;
  std::size_t sent = 0;
  for (const auto& inputs : {kInputs, kInputs, {"a\n", ""}, {"a\n", "a\n"}}) {
    const auto elements = elements_sent(inputs);
    sent += elements.size();
    seen.insert(elements.begin(), elements.end());
  }
  // Runs have keys of their own: no element comes twice in different runs.
  EXPECT_EQ(seen.size(), sent);
}

void expect_fault(const test::Lockstep::Hooks& hooks, Round round, PartyIndex from, Errc code) {
  const auto result = run(kFour, kInputs, hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->round, round);
  EXPECT_EQ(result.fault->from, from);
  EXPECT_TRUE(result.fault->error.is(code)) << result.what();
}

test::Lockstep::Hooks changes(Round at, const std::function<void(base::Bytes&)>& change) {
  return {[=](Round round, PartyIndex from, Outgoing& out) {
            if (round == at && from == 2) change(out.broadcast);
          },
          {}};
}

TEST(PsiSize, TakesListsOfElementsInOrderAlone) {
  for (const Round round : {1u, 2u, 3u}) {
    const Errc other_size = round == 3 ? Errc::not_as_committed : Errc::wrong_size;
    expect_fault(changes(round, [](base::Bytes& b) { b.pop_back(); }), round, 2, other_size);
    expect_fault(changes(round, [](base::Bytes& b) { b.clear(); }), round, 2, other_size);
    expect_fault(changes(round, [](base::Bytes& b) { b.resize(b.size() + kElement); }), round, 2,
                 other_size);
  }
  // The identity, not canonical, negative; each first in order or not.
  for (const int byte : {0x00, 0xff, 0x01}) {
    expect_fault(changes(1, [=](base::Bytes& b) { std::fill_n(b.begin(), kElement, byte); }), 1, 2,
                 Errc::not_an_element);
  }
  const auto twice = [](base::Bytes& b) { std::copy_n(b.begin(), kElement, &b[kElement]); };
  expect_fault(changes(1, twice), 1, 2, Errc::not_ascending);
  const auto swapped = [](base::Bytes& b) {
    std::swap_ranges(b.begin(), b.begin() + kElement, b.begin() + kElement);
  };
  expect_fault(changes(1, swapped), 1, 2, Errc::not_ascending);
}

TEST(PsiSize, WhoSpeaksLastCannotFitItsListToTheOthers) {
  // It has seen the other's list, and would have every item in common.
  expect_fault({{},
                [](Round round, test::Sent& sent) {
                  if (round == 3) sent[2].broadcast = sent[1].broadcast;
                }},
               3, 2, Errc::not_as_committed);
  // A hash that was copied is of nothing that its copier can show.
  expect_fault({{},
                [](Round round, test::Sent& sent) {
                  if (round >= 2) sent[2].broadcast = sent[1].broadcast;
                }},
               3, 2, Errc::not_as_committed);
}

TEST(PsiSize, HasNoLetters) {
  auto party = taken(kFour).value()->begin(test::seats(2)[0]).value();
  EXPECT_FALSE(party->check_letter(1, 1, 2, base::SecretBytes::random(4), {}));
}

}  // namespace
}  // namespace concordat::session::psi_size
