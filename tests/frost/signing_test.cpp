#include "session/protocols/frost/signing.hpp"

#include "session/limits.hpp"
#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/parameters.hpp"
#include "tests/frost/session_fixture.hpp"

namespace concordat::session::frost {
namespace {

const base::Bytes kOrder = base::to_bytes(base::as_bytes("pay 100 to bob"));

// One key for all of these.
const test::Key& key() {
  static const test::Key made = test::made_key(2, 3);
  return made;
}

TEST(SigningRun, EveryPairSigns) {
  for (const std::vector<PartyIndex>& signers :
       {std::vector<PartyIndex>{1, 2}, {1, 3}, {2, 3}, {1, 2, 3}}) {
    const auto result = test::sign(key(), signers, kOrder).run();
    ASSERT_EQ(result.what(), "ended well");
    for (const Output& output : result.outputs) {
      EXPECT_TRUE(test::is_ed25519(output.result, key().group.public_key(), kOrder));
      EXPECT_TRUE(output.kept.empty());
    }
  }
}

TEST(SigningRun, AnEmptyMessageIsSigned) {
  const auto result = test::sign(key(), {1, 2}, {}).run();
  ASSERT_EQ(result.what(), "ended well");
  EXPECT_TRUE(test::is_ed25519(result.outputs[0].result, key().group.public_key(), {}));
}

TEST(SigningRun, ADescriptorOfTheSignersAloneSaysWhoHasWhichShare) {
  test::Run run = test::sign(key(), {}, kOrder);
  run.parameters["signers"] = {{"1", 3}, {"2", 1}};
  run.parties = 2;
  run.taking_part = {1, 2};
  run.brought[1].kept = key().kept.at(3).clone();
  run.brought[2].kept = key().kept.at(1).clone();
  const auto result = run.run();
  ASSERT_EQ(result.what(), "ended well");
  EXPECT_TRUE(test::is_ed25519(result.outputs[0].result, key().group.public_key(), kOrder));
  // Each its own.
  std::swap(run.brought[1].kept, run.brought[2].kept);
  EXPECT_TRUE(run.start().error().is(Errc::wrong_share));
}

TEST(SigningRun, AMessageThatTheDescriptorHasTheHashOfIsTheInput) {
  test::Run run = test::sign(key(), {1, 2}, {});
  run.parameters.erase("message");
  run.parameters["message_sha256"] = base::sha256({kOrder}).hex();
  EXPECT_TRUE(run.start().error().is(Errc::not_the_message));
  for (const PartyIndex party : {1u, 2u})
    run.brought[party].input = kOrder;
  const auto result = run.run();
  ASSERT_EQ(result.what(), "ended well");
  EXPECT_TRUE(test::is_ed25519(result.outputs[0].result, key().group.public_key(), kOrder));
  run.brought[2].input.back() ^= 1;
  EXPECT_TRUE(run.start().error().is(Errc::not_the_message));
}

TEST(SigningRun, WhatIsNotAskedForIsNoInput) {
  test::Run run = test::sign(key(), {1, 2}, kOrder);
  run.brought[1].input = kOrder;
  EXPECT_TRUE(run.start().error().is(Errc::unexpected_input));
}

TEST(SigningRun, AWrongShareNamesItsSender) {
  test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round round, PartyIndex from, Outgoing& out) {
    if (round == 2 && from == 3) out.broadcast[0] ^= 1;
  };
  const auto result = test::sign(key(), {1, 3}, kOrder).run(hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, 3u);
  EXPECT_TRUE(result.fault->error.is(Errc::bad_signature_share));
}

// Whoever speaks last repeats what another said.
TEST(SigningRun, AnothersShareIsNotOnesOwn) {
  test::Lockstep::Hooks hooks;
  hooks.rush = [](Round round, session::test::Sent& sent) {
    if (round == 2) sent.at(1).broadcast = sent.at(2).broadcast;
  };
  const auto result = test::sign(key(), {1, 2}, kOrder).run(hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, 1u);
}

TEST(SigningRun, CommitmentsThatAreNoneNameTheirSender) {
  for (const bool is_short : {false, true}) {
    test::Lockstep::Hooks hooks;
    hooks.tamper = [is_short](Round round, PartyIndex from, Outgoing& out) {
      if (round != 1 || from != 2) return;
      if (is_short) {
        out.broadcast.pop_back();
      } else {
        std::fill(out.broadcast.begin(), out.broadcast.begin() + 32, std::uint8_t{0});
      }
    };
    const auto result = test::sign(key(), {1, 2}, kOrder).run(hooks);
    ASSERT_TRUE(result.fault) << result.what();
    EXPECT_EQ(result.fault->from, 2u);
    EXPECT_EQ(result.fault->round, 1u);
    EXPECT_TRUE(result.fault->error.is(is_short ? Errc::wrong_size : Errc::not_an_element));
  }
}

TEST(SigningRun, WithoutItsShareAPartyDoesNotBegin) {
  test::Run run = test::sign(key(), {1, 2}, kOrder);
  run.brought[2].kept.wipe();
  EXPECT_TRUE(run.start().error().is(Errc::no_share));
  run.brought[2].kept = key().kept.at(3).clone();
  EXPECT_TRUE(run.start().error().is(Errc::wrong_share));
  run.brought[2].kept = test::made_key(2, 3).kept.at(2).clone();
  EXPECT_TRUE(run.start().error().is(Errc::wrong_share));
  run.brought[2].kept = base::SecretBytes::random(100);
  EXPECT_FALSE(run.start());
}

TEST(SigningRun, FewerThanTheThresholdDoNotBegin) {
  EXPECT_TRUE(test::sign(key(), {2}, kOrder).start().error().is(Errc::wrong_parties));
}

TEST(SigningRun, DescriptorsThatNameNoMessageOrGroupAreRefused) {
  const std::string group = base::to_hex(key().group.encoded());
  const std::string hash = base::sha256({kOrder}).hex();
  EXPECT_EQ(kMaxParameters, session::limits::kParameterBytes) << "no descriptor brings more";
  const auto taken = [](const nlohmann::json& parameters, std::size_t threshold = 2) {
    return test::take("frost-sign/1", parameters, 3, threshold).has_value();
  };
  EXPECT_TRUE(taken({{"group", group}, {"message", ""}}));
  EXPECT_TRUE(taken({{"group", group}, {"message_sha256", hash}}));
  EXPECT_TRUE(
      taken({{"group", group}, {"message", std::string(2 * kMaxMessageInDescriptor, '0')}}));
  EXPECT_TRUE(taken({{"group", group}, {"message", ""}, {"signers", {{"1", 2}, {"3", 1}}}}));
  EXPECT_FALSE(taken({{"group", group}, {"message", ""}}, 3));
  for (const nlohmann::json& refused : std::initializer_list<nlohmann::json>{
           {{"message", ""}},
           {{"group", group}},
           {{"group", group}, {"message", "0"}},
           {{"group", group}, {"message", 7}},
           {{"group", group}, {"message", ""}, {"message_sha256", hash}},
           {{"group", group}, {"message_sha256", "abcd"}},
           {{"group", group}, {"message", ""}, {"hash", "none"}},
           {{"group", group.substr(2)}, {"message", ""}},
           {{"group", group}, {"message", std::string(2 * kMaxMessageInDescriptor + 2, '0')}},
           {{"group", group}, {"message", ""}, {"signers", {{"1", 2}, {"3", 2}}}},
           {{"group", group}, {"message", ""}, {"signers", {{"1", 2}, {"4", 1}}}},
           {{"group", group}, {"message", ""}, {"signers", {{"1", 2}, {"03", 1}}}},
           {{"group", group}, {"message", ""}, {"signers", {{"1", 2}, {"3", 4}}}},
           {{"group", group}, {"message", ""}, {"signers", nlohmann::json::object()}},
           nlohmann::json::array()})
    EXPECT_FALSE(taken(refused)) << refused;
}

}  // namespace
}  // namespace concordat::session::frost
