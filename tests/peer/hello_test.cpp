// What ends a handshake before any evidence: versions, policies, keys that agree on nothing. What
// a refusal carries, and what a stranger can make it carry.
#include <gtest/gtest.h>

#include "peer/error.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using test::TestEnclave;
using test::TestWorld;

BytesView body_of(const Bytes& frame) {
  return BytesView(frame).subspan(kFrameHeaderSize);
}
Frame frame_of(const Bytes& whole) {
  return {static_cast<FrameType>(whole.at(0)), whole};
}

class HelloTest : public testing::Test {
 protected:
  // A responder that heard `frame`, and its error.
  base::Error refusal_of(Responder& responder, const Bytes& frame) {
    const auto answer = responder.on_frame(frame_of(frame), world_.now());
    EXPECT_FALSE(answer);
    return answer ? base::Error() : answer.error();
  }
  static Refuse farewell_of(const Handshake& side) {
    if (side.farewell().empty()) {
      ADD_FAILURE() << "nothing was said";
      return {};
    }
    return decode_refuse(body_of(side.farewell())).value();
  }
  // What an honest worker says first.
  Bytes hello(const std::function<void(Hello&)>& change = {}) {
    Initiator initiator(worker_.context(), "keys");
    const Bytes frame = initiator.start().value().send;
    Hello hello = decode_hello(body_of(frame)).value();
    if (change) change(hello);
    return make_frame(FrameType::hello, encode(hello));
  }

  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
};

TEST_F(HelloTest, AnotherVersionIsRefused) {
  for (const std::uint64_t version : {kProtocolVersion - 1, kProtocolVersion + 1}) {
    Responder responder(custodian_.context());
    const auto error = refusal_of(responder, hello([&](Hello& h) { h.version = version; }));
    EXPECT_TRUE(error.is(Errc::version_not_spoken)) << error.to_string();
    EXPECT_EQ(farewell_of(responder).code, CoarseCode::version);
    EXPECT_TRUE(farewell_of(responder).envelope.empty());
  }
}

TEST_F(HelloTest, UnderAPolicyThatDemandsANewerVersionNobodySpeaksThisOne) {
  const Bytes old = hello();
  world_.edit_policy = [](std::string text) {
    return test::replaced(std::move(text), "\"minimum_protocol_version\": 1",
                          "\"minimum_protocol_version\": 2");
  };
  Initiator initiator(worker_.context(), "keys");
  EXPECT_TRUE(initiator.start().error().is(Errc::version_not_spoken));

  // Whoever dials all the same, under that very policy, is refused.
  Responder responder(custodian_.context());
  Hello same_policy = decode_hello(body_of(old)).value();
  same_policy.policy = policy_reference(*world_.policy(1));
  const auto error = refusal_of(responder, make_frame(FrameType::hello, encode(same_policy)));
  EXPECT_TRUE(error.is(Errc::version_not_spoken)) << error.to_string();
}

TEST_F(HelloTest, TwoPoliciesOfOneSerialAreAConflictOnBothSides) {
  Initiator initiator(worker_.context(), "keys");
  const Bytes first = initiator.start().value().send;
  world_.edit_policy = [](std::string text) {
    return test::replaced(std::move(text), "\"document_max_age_seconds\": 300",
                          "\"document_max_age_seconds\": 301");
  };
  Responder responder(custodian_.context());
  const auto error = refusal_of(responder, first);
  EXPECT_TRUE(error.is(Errc::policy_conflict)) << error.to_string();
  const Refuse refuse = farewell_of(responder);
  EXPECT_EQ(refuse.code, CoarseCode::policy_conflict);
  EXPECT_TRUE(refuse.envelope.empty());
  EXPECT_FALSE(responder.expects_policy());

  const auto told = initiator.on_frame(frame_of(responder.farewell()), world_.now());
  EXPECT_TRUE(told.error().is(Errc::policy_conflict)) << told.error().to_string();
  EXPECT_TRUE(initiator.farewell().empty()) << "no envelope travels";
}

// A hello of some bytes with a low serial buys no more than the allowance.
TEST_F(HelloTest, EnvelopesForStrangersAreRationed) {
  const Bytes envelope = world_.envelope(2);
  const auto size = static_cast<std::uint32_t>(envelope.size());
  world_.envelope_bytes = std::make_shared<TokenBucket>(size, size, world_.now().monotonic);
  const auto handed_over = [&] {
    Responder responder(custodian_.context(2));
    EXPECT_TRUE(refusal_of(responder, hello()).is(Errc::policy_differs));
    const Refuse refuse = farewell_of(responder);
    EXPECT_EQ(refuse.code, CoarseCode::policy_differs);
    EXPECT_EQ(refuse.policy.serial, 2u) << "that there is a newer one is said in any case";
    return refuse.envelope;
  };
  EXPECT_EQ(handed_over(), envelope);
  EXPECT_TRUE(handed_over().empty());
  world_.wall = world_.wall + std::chrono::seconds(1);
  EXPECT_EQ(handed_over(), envelope);

  // Whoever is told without it knows why, and dials again later.
  Dialogue d(world_, worker_, custodian_, 1, 2);
  d.run();
  ASSERT_TRUE(d.initiator_error());
  EXPECT_TRUE(d.initiator_error()->is(Errc::policy_differs));
  EXPECT_TRUE(d.initiator().offered_policy().empty());
}

// A responder that does not say so, or a relay that changes what it says.
TEST_F(HelloTest, AReplyUnderAnotherPolicyIsRefused) {
  struct Row {
    std::uint64_t serial_more;
    Errc refusal;
  };
  for (const Row& row : {Row{0, Errc::policy_conflict}, Row{1, Errc::policy_differs}}) {
    Dialogue d(world_, worker_, custodian_);
    d.relay = [&](Towards, std::size_t number, Bytes frame) {
      if (number != 1) return Frames{std::move(frame)};
      const Reply reply = decode_reply(body_of(frame)).value();
      ReplyFields fields = reply.fields;
      fields.policy.serial += row.serial_more;
      fields.policy.digest.mutable_view()[0] ^= 1;
      return Frames{make_frame(FrameType::reply, encode_reply(encode(fields), reply.box))};
    };
    d.run();
    ASSERT_TRUE(d.initiator_error());
    EXPECT_TRUE(d.initiator_error()->is(row.refusal)) << d.initiator_error()->to_string();
  }
}

// The points of order 1, 2, 4 and 8 and their twins, on the curve and on its twist: whatever secret
// they meet, the result is zero, which whoever sent them knows too.
TEST_F(HelloTest, AKeyThatAgreesOnNothingIsRefusedByBothSides) {
  const std::string middle(60, 'f');
  for (const std::string& point :
       {std::string(64, '0'), "01" + std::string(62, '0'), "ec" + middle + "7f",
        "ed" + middle + "7f", "ee" + middle + "7f",
        std::string("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        std::string("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")}) {
    const PublicKey key = PublicKey::from(base::from_hex(point).value()).value();
    Responder responder(custodian_.context());
    const auto by_responder = refusal_of(responder, hello([&](Hello& h) { h.key = key; }));
    EXPECT_TRUE(by_responder.is(Errc::weak_shared_secret)) << by_responder.to_string();

    Dialogue d(world_, worker_, custodian_);
    d.relay = [&](Towards, std::size_t number, Bytes frame) {
      if (number != 1) return Frames{std::move(frame)};
      const Reply reply = decode_reply(body_of(frame)).value();
      ReplyFields fields = reply.fields;
      fields.key = key;
      return Frames{make_frame(FrameType::reply, encode_reply(encode(fields), reply.box))};
    };
    d.run();
    ASSERT_TRUE(d.initiator_error()) << point;
    EXPECT_TRUE(d.initiator_error()->is(Errc::weak_shared_secret))
        << point << ": " << d.initiator_error()->to_string();
  }
}

}  // namespace
}  // namespace concordat::peer
