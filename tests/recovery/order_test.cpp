// Orders: signed by as many as the authority wants, for one policy, for a time.
#include "tests/recovery/recovery_fixture.hpp"

namespace concordat::keyservice::recovery {
namespace {

class OrderTest : public testing::Test, protected RecoveryWorld {};

TEST_F(OrderTest, IsReadAsItWasWritten) {
  MakeOrder order = make_order();
  order.replaces = RecoverySetId::from(Bytes(16, 0x55)).value();
  const auto read = verified<MakeOrder>(signed_by(order)).value();
  EXPECT_EQ(policy::encode(read.order), policy::encode(order));
  const auto restore = restore_order(make_set(), {}, challenge_);
  EXPECT_EQ(policy::encode(verified<RestoreOrder>(signed_by(restore)).value().order),
            policy::encode(restore));
}

TEST_F(OrderTest, WantsTheThresholdsSignatures) {
  const MakeOrder order = make_order();
  EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order, {}))), "too_few_signatures");
  EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order, {2}))), "too_few_signatures");
  EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order, {2, 2}))), "too_few_signatures");
  EXPECT_TRUE(verified<MakeOrder>(signed_by(order, {2, 0})));
}

TEST_F(OrderTest, NoSignatureCountsForAnotherPurpose) {
  const MakeOrder order = make_order();
  for (const auto type : {policy::kPolicyPayloadType, policy::kRecoveryRestorePayloadType})
    EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order, {0, 1}, type))), "wrong_payload_type");
  auto envelope = authority_.sign(policy::encode(order), {0, 1}, policy::kPolicyPayloadType);
  envelope.payload_type = policy::kRecoveryMakePayloadType;
  EXPECT_EQ(code_of(verified<MakeOrder>(envelope.encode())), "too_few_signatures");
  // The other kind's format under this one's type.
  const auto restore = restore_order(make_set(), {}, challenge_);
  EXPECT_EQ(
      code_of(verified<MakeOrder>(signed_by(restore, {0, 1}, policy::kRecoveryMakePayloadType))),
      "order_malformed");
}

TEST_F(OrderTest, IsForOnePolicyAndOneRealm) {
  MakeOrder order = make_order();
  order.policy = policy_of(2)->digest();
  EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order))), "order_other_policy");
  order = make_order();
  order.realm = "other.example";
  EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order))), "order_other_realm");
}

TEST_F(OrderTest, CountsForATime) {
  MakeOrder order = make_order();
  const Bytes envelope = signed_by(order);
  EXPECT_TRUE(verified<MakeOrder>(envelope, order.not_after - std::chrono::milliseconds(1)));
  EXPECT_EQ(code_of(verified<MakeOrder>(envelope, order.not_after)), "order_expired");
  order.not_after = test::kNow + std::chrono::hours(24 * 7) + std::chrono::seconds(1);
  EXPECT_EQ(code_of(verified<MakeOrder>(signed_by(order))), "order_too_long");
}

TEST_F(OrderTest, IsStrictlyRead) {
  const std::string good = policy::encode(make_order());
  EXPECT_TRUE(policy::parse_order<MakeOrder>(good));
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string, std::string>>{
           {"\"generation\":1", "\"generation\":0"},
           {"\"generation\":1", "\"generation\":4294967296"},
           {"\"replaces\":\"none\"", "\"replaces\":\"nothing\""},
           {"\"replaces\":\"none\",", ""},
           {"recovery-make/1", "recovery-make/2"},
           {"\"set\":\"11", "\"set\":\"1"},
           {"\"realm\":", "\"more\":1,\"realm\":"},
           {"\"realm\":", "\"realm\":\"x\",\"realm\":"}}) {
    EXPECT_EQ(code_of(policy::parse_order<MakeOrder>(test::replaced(good, from, to))),
              "order_malformed")
        << from << " -> " << to;
  }
}

}  // namespace
}  // namespace concordat::keyservice::recovery
