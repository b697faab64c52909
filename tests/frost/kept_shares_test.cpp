// When a holder may delete a share: never for want of a message that was lost.
#include "session/protocols/frost/kept_shares.hpp"

#include <gmock/gmock.h>

#include "session/protocols/frost/errc.hpp"
#include "tests/frost/session_fixture.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session::frost {
namespace {

KeyShare share_of(const test::Key& key, Index index) {
  return KeyShare::decode(key.kept.at(index)).value();
}

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

class KeptSharesTest : public testing::Test {
 protected:
  // What verify_receipt would have made of a receipt of such a run.
  [[nodiscard]] VerifiedReceipt receipt(std::string_view protocol, base::BytesView result,
                                        const nlohmann::json& parameters) const {
    DescriptorFields fields = world_.fields();
    fields.protocol = protocol;
    const std::string text = parameters.dump();
    fields.parameters = base::to_bytes(base::as_bytes(text));
    const base::Bytes envelope = world_.sign(encode_descriptor(fields).value());
    VerifiedReceipt out;
    out.descriptor =
        VerifiedDescriptor::verify(envelope, world_.authorities(), take_any).value();
    out.result = base::sha256({result});
    return out;
  }
  [[nodiscard]] VerifiedReceipt resharing_to(const GroupInfo& group) const {
    return receipt("frost-reshare/1", group.encoded(), nlohmann::json::object());
  }
  [[nodiscard]] VerifiedReceipt signature_by(const GroupInfo& group) const {
    return receipt("frost-sign/1", base::as_bytes("signature"),
                   {{"group", base::to_hex(group.encoded())}, {"message", "00"}});
  }

  SessionWorld world_{3};
  test::Key first_ = test::made_key(2, 3);
  test::Key second_ = reshared(first_);
};

TEST_F(KeptSharesTest, EachResharingIsAnEpochMore) {
  EXPECT_EQ(first_.group.epoch(), 0u);
  EXPECT_EQ(second_.group.epoch(), 1u);
  EXPECT_EQ(reshared(second_).group.epoch(), 2u);
}

// The confirmation that was lost: two have an output, the third stopped. All have both shares.
TEST_F(KeptSharesTest, NothingIsDeletedBeforeAReceiptIsShown) {
  std::map<Index, KeptShares> holders;
  for (Index index = 1; index <= 3; ++index) {
    ASSERT_TRUE(holders[index].add(share_of(first_, index)));
    ASSERT_TRUE(holders[index].settle(
        receipt("frost-keygen/1", first_.group.encoded(), nlohmann::json::object())));
    ASSERT_TRUE(holders[index].add(share_of(second_, index)));
    EXPECT_TRUE(holders[index].of(first_.group));
    EXPECT_TRUE(holders[index].of(second_.group));
    EXPECT_EQ(holders[index].current()->group(), first_.group);
  }
  // Those who have a receipt delete the old share; whoever stopped has both, and the one of another
  // party's receipt makes it follow.
  for (const Index index : {1, 2})
    ASSERT_TRUE(holders[index].settle(resharing_to(second_.group)));
  EXPECT_EQ(holders[1].size(), 1u);
  EXPECT_EQ(holders[1].current()->group(), second_.group);
  EXPECT_TRUE(holders[1].of(first_.group).error().is(Errc::other_epoch));
  EXPECT_EQ(holders[3].size(), 2u);
  ASSERT_TRUE(holders[3].of(second_.group)) << "it can sign with the others";
  ASSERT_TRUE(holders[3].settle(resharing_to(second_.group)));
  EXPECT_EQ(holders[3].size(), 1u);
  EXPECT_EQ(holders[3].current()->index(), 3u);
}

TEST_F(KeptSharesTest, ASignatureByTheNewGroupWillDo) {
  KeptShares kept;
  ASSERT_TRUE(kept.add(share_of(first_, 1)));
  ASSERT_TRUE(kept.add(share_of(second_, 1)));
  ASSERT_TRUE(kept.settle(signature_by(first_.group)));
  EXPECT_EQ(kept.size(), 2u) << "of the old one, it says nothing of the new one";
  ASSERT_TRUE(kept.settle(signature_by(second_.group)));
  EXPECT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept.current()->group(), second_.group);
}

TEST_F(KeptSharesTest, ADealerWithoutANewShareDeletesByAReceiptToo) {
  KeptShares kept;
  ASSERT_TRUE(kept.add(share_of(first_, 1)));
  ASSERT_TRUE(kept.settle(signature_by(first_.group)));
  EXPECT_TRUE(kept.leave(signature_by(first_.group), second_.group).error().is(
      Errc::not_settled_by));
  const test::Key other = test::made_key(2, 3);
  EXPECT_TRUE(
      kept.leave(resharing_to(other.group), other.group).error().is(Errc::wrong_share));
  EXPECT_EQ(kept.current()->group(), first_.group);
  ASSERT_TRUE(kept.leave(resharing_to(second_.group), second_.group));
  EXPECT_EQ(kept.size(), 0u);
  EXPECT_EQ(kept.current(), nullptr);
}

TEST_F(KeptSharesTest, OtherReceiptsDeleteNothing) {
  KeptShares kept;
  ASSERT_TRUE(kept.add(share_of(first_, 1)));
  ASSERT_TRUE(kept.add(share_of(second_, 1)));
  const test::Key other = test::made_key(2, 3);
  for (const VerifiedReceipt& none :
       {resharing_to(other.group), signature_by(other.group),
        receipt("aggregate/1", second_.group.encoded(), nlohmann::json::object())}) {
    EXPECT_TRUE(kept.settle(none).error().is(Errc::not_settled_by));
  }
  EXPECT_EQ(kept.size(), 2u);
  // An old one, shown late, brings nothing back and takes nothing away.
  ASSERT_TRUE(kept.settle(resharing_to(second_.group)));
  const test::Key third = reshared(second_);
  ASSERT_TRUE(kept.add(share_of(third, 1)));
  ASSERT_TRUE(kept.settle(resharing_to(second_.group)));
  EXPECT_EQ(kept.size(), 2u);
}

// Two resharings of one epoch: which one the others went on with, a receipt of it alone does not
// say, so that both stay until a later epoch is safe.
TEST_F(KeptSharesTest, TwoDealingsOfOneEpochBothStay) {
  KeptShares kept;
  const test::Key twin = reshared(first_);
  ASSERT_EQ(twin.group.epoch(), second_.group.epoch());
  ASSERT_TRUE(kept.add(share_of(first_, 1)));
  ASSERT_TRUE(kept.add(share_of(second_, 1)));
  ASSERT_TRUE(kept.add(share_of(twin, 1)));
  ASSERT_TRUE(kept.settle(resharing_to(twin.group)));
  EXPECT_EQ(kept.current()->group(), twin.group);
  EXPECT_TRUE(kept.of(second_.group));
  EXPECT_FALSE(kept.of(first_.group));
}

TEST_F(KeptSharesTest, AreOfOneKeyAndBounded) {
  KeptShares kept;
  EXPECT_TRUE(kept.of(first_.group).error().is(Errc::no_share));
  ASSERT_TRUE(kept.add(share_of(first_, 1)));
  ASSERT_TRUE(kept.add(share_of(first_, 1)));
  EXPECT_EQ(kept.size(), 1u);
  const test::Key other = test::made_key(2, 3);
  EXPECT_TRUE(kept.add(share_of(other, 1)).error().is(Errc::wrong_share));
  EXPECT_TRUE(kept.of(other.group).error().is(Errc::wrong_share));
  while (kept.size() < kMaxKeptShares)
    ASSERT_TRUE(kept.add(share_of(reshared(first_), 1)));
  EXPECT_TRUE(kept.add(share_of(reshared(first_), 1)).error().is(Errc::too_many_shares));
}

TEST_F(KeptSharesTest, AreReadAsTheyWereWritten) {
  KeptShares kept;
  EXPECT_EQ(KeptShares::decode(kept.encoded()).value().size(), 0u);
  ASSERT_TRUE(kept.add(share_of(first_, 2)));
  ASSERT_TRUE(kept.add(share_of(second_, 2)));
  ASSERT_EQ(KeptShares::decode(kept.encoded()).value().current(), nullptr);
  ASSERT_TRUE(kept.settle(signature_by(first_.group)));
  const KeptShares read = KeptShares::decode(kept.encoded()).value();
  EXPECT_EQ(read.size(), 2u);
  EXPECT_EQ(read.current()->group(), first_.group);
  EXPECT_EQ(read.of(second_.group).value()->secret(), share_of(second_, 2).secret());
  EXPECT_EQ(read.encoded(), kept.encoded());
}

TEST_F(KeptSharesTest, ASessionRefusesAShareOfAnotherEpochAndSaysWhich) {
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
