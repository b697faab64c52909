// When shares that resharing replaced may be deleted: never for want of a message that was lost,
// and on no word of an enclave that policy does not know.
#include "session/protocols/frost/settling.hpp"

#include <gmock/gmock.h>

#include "attest/mint.hpp"
#include "attest/verify.hpp"
#include "session/protocols/frost/errc.hpp"
#include "tests/frost/session_fixture.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session::frost {
namespace {

// The same holders deal the key anew.
test::Key reshared(const test::Key& key) {
  const std::size_t holders = key.group.holders();
  nlohmann::json everybody = nlohmann::json::object();
  for (std::size_t i = 1; i <= holders; ++i)
    everybody[std::to_string(i)] = i;
  test::Run run{"frost-reshare/1",
                {{"group", base::to_hex(key.group.encoded())},
                 {"dealers", everybody},
                 {"holders", everybody}},
                holders,
                key.group.threshold(),
                test::all_of(holders),
                {}};
  for (const auto& [index, kept] : key.kept)
    run.brought[index].kept = kept.clone();
  const auto result = run.run();
  EXPECT_EQ(result.what(), "ended well");
  test::Key out{GroupInfo::decode(result.outputs.front().result).value(), {}};
  for (std::size_t i = 0; i < holders; ++i)
    out.kept.emplace(i + 1, result.outputs[i].kept.clone());
  return out;
}

class Settling : public testing::Test {
 protected:
  Settling() {
    world_.edit_policy = [this](PartyIndex, const std::string& text) {
      auto policy = nlohmann::json::parse(text);
      const auto rule = policy["sessions"]["sums"];
      for (const char* protocol : {"frost-keygen/1", "frost-reshare/1", "frost-sign/1"}) {
        if (protocol == unruled_) continue;
        auto copy = rule;
        copy["protocol"] = protocol;
        policy["sessions"][std::string(protocol).substr(0, 8)] = std::move(copy);
      }
      return policy.dump();
    };
    for (PartyIndex index = 1; index <= 3; ++index)
      claims_.emplace(index, claims_of(index, false));
  }
  [[nodiscard]] attest::VerifiedClaims claims_of(PartyIndex index, bool is_altered) {
    const auto nsm = world_.enclave(index, is_altered);
    const auto document = attest::mint(*nsm, {attest::Purpose::clock, {}, {}, {}}).value();
    const auto parsed = attest::UnverifiedDocument::parse(document).value();
    return attest::verify_archived(parsed, world_.anchors, parsed.unverified().timestamp,
                                   attest::DebugDocuments::refuse)
        .value();
  }
  // What verify_receipt would have made of a receipt of such a run.
  [[nodiscard]] VerifiedReceipt verified(std::string_view protocol,
                                         const nlohmann::json& parameters) const {
    DescriptorFields fields = world_.fields();
    fields.protocol = protocol;
    fields.parameters = base::to_bytes(base::as_bytes(parameters.dump()));
    VerifiedReceipt out;
    out.descriptor = VerifiedDescriptor::verify(world_.sign(encode_descriptor(fields).value()),
                                                world_.authorities(), take_any)
                         .value();
    out.claims = claims_;
    return out;
  }
  [[nodiscard]] base::Result<JudgedReceipt> judged(VerifiedReceipt receipt) const {
    return JudgedReceipt::judge(std::move(receipt), *world_.policy(1), "payments");
  }
  [[nodiscard]] static nlohmann::json resharing_of(const GroupInfo& group) {
    const nlohmann::json everybody = {{"1", 1}, {"2", 2}, {"3", 3}};
    return {
        {"group", base::to_hex(group.encoded())}, {"dealers", everybody}, {"holders", everybody}};
  }
  [[nodiscard]] JudgedReceipt resharing(const GroupInfo& group) const {
    return judged(verified("frost-reshare/1", resharing_of(group))).value();
  }
  [[nodiscard]] JudgedReceipt signature_by(const GroupInfo& group) const {
    return judged(verified("frost-sign/1",
                           {{"group", base::to_hex(group.encoded())}, {"message", "00"}}))
        .value();
  }
  static void expect_not_settled(const base::Status& status, const std::string& words) {
    ASSERT_FALSE(status);
    EXPECT_TRUE(status.error().is(Errc::not_settled_by)) << status.error().to_string();
    EXPECT_NE(status.error().detail().find(words), std::string::npos) << status.error().detail();
  }

  std::string_view unruled_;
  SessionWorld world_{3};
  std::map<PartyIndex, attest::VerifiedClaims> claims_;
  test::Key first_ = test::made_key(2, 3);
  test::Key second_ = reshared(first_);
};

TEST_F(Settling, EachResharingIsAnEpochMore) {
  EXPECT_EQ(first_.group.epoch(), 0u);
  EXPECT_EQ(second_.group.epoch(), 1u);
  EXPECT_EQ(reshared(second_).group.epoch(), 2u);
}

TEST_F(Settling, AResharingLetsSharesOfEarlierEpochsGo) {
  EXPECT_EQ(replaced_group(resharing(first_.group)).value(), first_.group);
  EXPECT_TRUE(check_settled(resharing(first_.group), first_.group));
  // And so does a later one, of those that the first left behind.
  EXPECT_TRUE(check_settled(resharing(second_.group), first_.group));
  expect_not_settled(check_settled(resharing(first_.group), second_.group), "epoch 1 is safe");
}

TEST_F(Settling, ASignatureByTheNewGroupWillDo) {
  EXPECT_TRUE(check_settled(signature_by(second_.group), first_.group));
  expect_not_settled(check_settled(signature_by(first_.group), first_.group), "epoch 0 is safe");
  expect_not_settled(replaced_group(signature_by(second_.group)).error(), "frost-sign/1");
}

// Two resharings of one epoch: which one the others went on with, a receipt of it alone does not
// say, so that both stay until a later epoch is safe.
TEST_F(Settling, OfTwoDealingsOfOneEpochBothStay) {
  const test::Key twin = reshared(first_);
  ASSERT_EQ(twin.group.epoch(), second_.group.epoch());
  EXPECT_TRUE(check_settled(signature_by(twin.group), first_.group));
  expect_not_settled(check_settled(signature_by(twin.group), second_.group), "epoch 1 is safe");
  EXPECT_TRUE(check_settled(resharing(twin.group), second_.group));
}

TEST_F(Settling, OtherReceiptsLetNothingGo) {
  const test::Key other = test::made_key(2, 3);
  expect_not_settled(check_settled(resharing(other.group), first_.group), "another key");
  expect_not_settled(check_settled(signature_by(reshared(other).group), first_.group),
                     "another key");
  const auto sums = judged(verified("aggregate/1", nlohmann::json::object())).value();
  expect_not_settled(check_settled(sums, first_.group), "aggregate/1");
  const auto made = judged(verified("frost-keygen/1", nlohmann::json::object())).value();
  expect_not_settled(check_settled(made, first_.group), "frost-keygen/1");
}

// Whoever runs an image of its own confirms what it likes.
TEST_F(Settling, AReceiptIsJudgedByThePolicyOfWhoeverActsOnIt) {
  VerifiedReceipt receipt = verified("frost-reshare/1", resharing_of(first_.group));
  ASSERT_TRUE(judged(receipt));
  for (const PartyIndex index : {1u, 3u}) {
    receipt.claims = claims_;
    receipt.claims.insert_or_assign(index, claims_of(index, true));
    const auto refused = judged(receipt);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(policy::AdmissionErrc::image_differs));
    EXPECT_NE(refused.error().detail().find("party-" + std::to_string(index)), std::string::npos);
  }
  receipt.claims = claims_;
  receipt.claims.erase(2);
  EXPECT_TRUE(judged(receipt).error().is(ReceiptErrc::malformed));
  receipt.claims = claims_;
  unruled_ = "frost-reshare/1";
  EXPECT_TRUE(judged(receipt).error().is(policy::AdmissionErrc::session_unknown));
}

TEST_F(Settling, ASessionRefusesAShareOfAnotherEpochAndSaysWhich) {
  test::Run mixed = test::sign(second_, {1, 2}, base::as_bytes("deed"));
  mixed.brought[1].kept = first_.kept.at(1).clone();
  const auto refused = mixed.start();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::other_epoch));
  EXPECT_EQ(refused.error().detail(),
            "this share is of epoch 0, the descriptor's group of epoch 1");
}

}  // namespace
}  // namespace concordat::session::frost
