#include "session/protocols/frost/resharing.hpp"

#include "attest/base/secret_access.hpp"
#include "session/protocols/frost/errc.hpp"
#include "tests/frost/session_fixture.hpp"

namespace concordat::session::frost {
namespace {

enum : Round { kFirst = 1, kOpened, kDealt, kConfirmed };
const base::Bytes kDeed = base::to_bytes(base::as_bytes("signed before and after"));

// {"PLACE": SHARE, ..}
nlohmann::json json_of(const Indices& indices) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [party, index] : indices)
    out[std::to_string(party)] = index;
  return out;
}

test::Run reshare(const test::Key& key, const Indices& dealers, const Indices& holders,
                  std::size_t threshold) {
  test::Run out{"frost-reshare/1",
                {{"group", base::to_hex(key.group.encoded())},
                 {"dealers", json_of(dealers)},
                 {"holders", json_of(holders)}},
                0,
                threshold,
                {},
                {}};
  std::map<PartyIndex, Index> all = dealers;
  all.insert(holders.begin(), holders.end());
  for (const auto& [party, index] : all)
    out.taking_part.push_back(party);
  out.parties = out.taking_part.back();
  for (const auto& [party, index] : dealers)
    out.brought[party].kept = key.kept.at(index).clone();
  return out;
}

test::Key key_of(const test::LockstepResult& result, const test::Run& run, const Indices& holders) {
  test::Key out{GroupInfo::decode(result.outputs.front().result).value(), {}};
  for (std::size_t i = 0; i < run.taking_part.size(); ++i) {
    const auto holder = holders.find(run.taking_part[i]);
    EXPECT_EQ(result.outputs[i].kept.empty(), holder == holders.end());
    if (holder != holders.end()) out.kept.emplace(holder->second, result.outputs[i].kept.clone());
  }
  return out;
}

class ResharingTest : public testing::Test {
 protected:
  // Parties 1, 2 and 3 hold; 1 and 3 deal, to 2, 4, 5 and, again, 3.
  test::Key key_ = test::made_key(2, 3);
  Indices dealers_{{1, 1}, {3, 3}};
  Indices holders_{{2, 1}, {3, 4}, {4, 2}, {5, 3}};
  test::Run run_ = reshare(key_, dealers_, holders_, 3);
};

TEST_F(ResharingTest, KeepsTheKey) {
  const auto result = run_.run();
  ASSERT_EQ(result.what(), "ended well");
  const test::Key made = key_of(result, run_, holders_);
  EXPECT_EQ(made.group.public_key(), key_.group.public_key());
  EXPECT_EQ(made.group.threshold(), 3u);
  EXPECT_EQ(made.group.holders(), 4u);
  const auto signature = test::sign(made, {1, 2, 4}, kDeed).run();
  ASSERT_EQ(signature.what(), "ended well");
  EXPECT_TRUE(test::is_ed25519(signature.outputs[0].result, key_.group.public_key(), kDeed));
}

TEST_F(ResharingTest, AgainAndAgainBetweenAnyGroups) {
  std::mt19937_64 random(std::random_device{}());
  test::Key key = test::made_key(3, 4);
  const Element public_key = key.group.public_key();
  for (int round = 0; round < 5; ++round) {
    const std::size_t holders = 2 + random() % 6;
    const std::size_t threshold = 2 + random() % (holders - 1);
    const std::size_t old = key.group.threshold();
    SCOPED_TRACE(std::to_string(old) + " of " + std::to_string(key.group.holders()) + " to " +
                 std::to_string(threshold) + " of " + std::to_string(holders));
    const std::size_t count = old + random() % (key.group.holders() - old + 1);
    Indices dealers, receivers;
    PartyIndex party = 1;
    for (const Index index : test::some_of(key.group.holders(), count, random))
      dealers.emplace(party++, index);
    // Some of them are dealers, too.
    party -= static_cast<PartyIndex>(random() % 2);
    for (Index index = 1; index <= holders; ++index)
      receivers.emplace(party++, index);
    test::Run run = reshare(key, dealers, receivers, threshold);
    const auto result = run.run();
    ASSERT_EQ(result.what(), "ended well");
    key = key_of(result, run, receivers);
    EXPECT_EQ(key.group.public_key(), public_key);
    const auto signature = test::sign(key, test::some_of(holders, threshold, random), kDeed).run();
    ASSERT_EQ(signature.what(), "ended well");
    EXPECT_TRUE(test::is_ed25519(signature.outputs[0].result, public_key, kDeed));
  }
}

TEST_F(ResharingTest, OldAndNewSharesDoNotMix) {
  Indices same{{1, 1}, {2, 2}, {3, 3}};
  test::Run run = reshare(key_, same, same, 2);
  const test::Key made = key_of(run.run(), run, same);
  EXPECT_EQ(made.group.public_key(), key_.group.public_key());
  EXPECT_NE(made.group, key_.group);
  test::Run mixed = test::sign(made, {1, 2}, kDeed);
  mixed.brought[1].kept = key_.kept.at(1).clone();
  EXPECT_TRUE(mixed.start().error().is(Errc::other_epoch));
  // Nor with the check out of the way.
  std::vector<base::sharing::Share> shares;
  shares.push_back({1, KeyShare::decode(key_.kept.at(1)).value().secret().clone()});
  shares.push_back({2, KeyShare::decode(made.kept.at(2)).value().secret().clone()});
  const Scalar neither = base::sharing::recover(shares, 2).value();
  EXPECT_NE(base::sharing::times_base<Curve>(neither).value(), made.group.public_key());
}

// Not when the run has formed and others wait for it.
TEST_F(ResharingTest, AShareFromBeforeIsRefusedWhenItIsBrought) {
  const Indices same{{1, 1}, {2, 2}, {3, 3}};
  test::Run first = reshare(key_, same, same, 2);
  const test::Key made = key_of(first.run(), first, same);
  const test::Run next = reshare(made, same, same, 2);
  const auto intake = test::take(next.name, next.parameters, next.parties, next.threshold).value();
  EXPECT_TRUE(intake->restore(key_.kept.at(1).clone()).error().is(Errc::other_epoch));
  EXPECT_TRUE(intake->restore(made.kept.at(1).clone()));
}

// A dealer that shares something else than its share would make another key.
TEST_F(ResharingTest, WhoeverDealsSomethingElseIsNamed) {
  test::Lockstep::Hooks hooks;
  const Polynomial other = Polynomial::random(Scalar::random(), 3).value();
  const base::Bytes opening = Commitments::of(other).encoded();
  // By the rule of dealing.hpp, from a dealer that keeps to it otherwise.
  base::Sha256Digest roster;
  hooks.tamper = [&](Round round, PartyIndex from, Outgoing& out) {
    if (from != 3) return;
    if (round == kFirst) {
      out.broadcast = base::to_bytes(
          base::sha256({base::as_bytes("concordat/frost-reshare/1"), base::as_bytes(" commit "),
                        roster.view(), identifier(3).view(), opening})
              .view());
    }
    if (round == kOpened) out.broadcast = opening;
  };
  std::vector<std::unique_ptr<Protocol>> protocols;
  for (const PartyIndex party : run_.taking_part) {
    const auto intake =
        test::take(run_.name, run_.parameters, run_.parties, run_.threshold).value();
    protocols.push_back(
        test::begin(*intake, run_.seat(party, roster), run_.brought[party]).value());
  }
  const auto result = test::Lockstep(run_.taking_part, std::move(protocols)).run(hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, 3u);
  EXPECT_TRUE(result.fault->error.is(Errc::wrong_constant)) << result.what();
}

TEST_F(ResharingTest, AWrongLetterNamesItsSender) {
  test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round round, PartyIndex from, Outgoing& out) {
    if (round == kDealt && from == 1)
      out.letters.at(4).expose_mutable(base::SecretAccess{})[0] ^= 1;
  };
  const auto result = run_.run(hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, 1u);
  EXPECT_TRUE(result.fault->is_letter);
}

TEST_F(ResharingTest, WhoDealsNothingSaysNothing) {
  test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round round, PartyIndex from, Outgoing& out) {
    if (round == kFirst && from == 4) out.broadcast.resize(32);
  };
  const auto result = run_.run(hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, 4u);
  EXPECT_TRUE(result.fault->error.is(Errc::wrong_size));
}

TEST_F(ResharingTest, ADealerBringsItsShareOfThatGroup) {
  run_.brought[1].kept.wipe();
  EXPECT_TRUE(run_.start().error().is(Errc::no_share));
  test::Key other = test::made_key(2, 3);
  for (const auto* kept : {&key_.kept.at(2), &other.kept.at(1)}) {
    run_.brought[1].kept = kept->clone();
    EXPECT_TRUE(run_.start().error().is(Errc::wrong_share));
  }
}

TEST_F(ResharingTest, AllDealersAndHoldersTakePart) {
  run_.taking_part.pop_back();
  EXPECT_TRUE(run_.start().error().is(Errc::wrong_parties));
}

TEST_F(ResharingTest, DescriptorsThatReshareNothingAreRefused) {
  const auto taken = [&](const Indices& dealers, const Indices& holders, std::size_t threshold) {
    const test::Run run = reshare(key_, dealers, holders, threshold);
    return test::take(run.name, run.parameters, run.parties, run.threshold).has_value();
  };
  EXPECT_TRUE(taken(dealers_, holders_, 3));
  EXPECT_FALSE(taken({{1, 1}}, holders_, 3));                  // fewer than the old threshold
  EXPECT_FALSE(taken({{1, 1}, {3, 1}}, holders_, 3));          // one share twice
  EXPECT_FALSE(taken(dealers_, {{2, 1}, {4, 3}, {5, 4}}, 2));  // a gap
  EXPECT_FALSE(taken(dealers_, {{2, 1}, {4, 1}}, 2));
  EXPECT_FALSE(taken(dealers_, holders_, 1));
  EXPECT_FALSE(taken(dealers_, holders_, 5));
}

// Verification shares that are of no polynomial, or of another key's.
TEST_F(ResharingTest, AGroupThatIsNoneEndsTheRunAndBlamesNobody) {
  const test::Key other = test::made_key(2, 3);
  base::Bytes forged = key_.group.encoded();
  const base::Bytes theirs = other.group.encoded();
  std::copy_n(theirs.begin() + 27, 32, forged.begin() + 27);
  const GroupInfo group = GroupInfo::decode(forged).value();
  EXPECT_EQ(group.public_key(), other.group.public_key());
  run_.parameters["group"] = base::to_hex(forged);
  for (auto& [party, brought] : run_.brought) {
    if (brought.kept.empty()) continue;
    const KeyShare share = KeyShare::decode(brought.kept).value();
    brought.kept = KeyShare::create(group, share.index(), share.secret().clone()).value().encoded();
  }
  const auto result = run_.run();
  EXPECT_FALSE(result.fault);
  ASSERT_TRUE(result.ended) << result.what();
  EXPECT_TRUE(result.ended->is(Errc::bad_group));
}

}  // namespace
}  // namespace concordat::session::frost
