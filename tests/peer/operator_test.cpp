// Operators in the handshake: who is admitted as what, and each thing wrong by itself while
// everything else is right. The ones that lie are written by hand, since the initiator of this
// project would see the fault first.
#include <gtest/gtest.h>

#include "attest/document.hpp"
#include "peer/error.hpp"
#include "policy/errc.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using base::Status;
using policy::AdmissionErrc;
using policy::SigningKey;
using test::TestEnclave;
using test::TestWorld;

SigningKey key_of(std::uint8_t seed) {
  Bytes bytes(32, seed);
  return SigningKey::from_seed(base::SecretBytes::take(bytes)).value();
}

policy::Signature sign(const SigningKey& key, std::initializer_list<BytesView> parts) {
  Bytes message;
  for (const BytesView part : parts)
    base::append(message, part);
  return key.sign(message).value();
}

// Speaks the protocol up to the evidence, which the test makes.
class HandMade {
 public:
  HandMade(TestWorld& world, TestEnclave& custodian, HandshakeContext context, std::string purpose)
      : world_(world), responder_(std::move(context)), own_(world.random) {
    const Hello hello{kProtocolVersion, own_.public_key(), world.random.make<Challenge>(),
                      std::move(purpose), policy_reference(*world.policy(1))};
    hello_ = make_frame(FrameType::hello, encode(hello));
    auto order = responder_.on_frame({FrameType::hello, hello_}, world.now());
    if (!order) {
      error_ = order.error();
      return;
    }
    const Bytes frame =
        responder_.on_document(custodian.mint(*order->mint), world.now()).value().send;
    const Reply reply = decode_reply(BytesView(frame).subspan(kFrameHeaderSize)).value();
    keys_.emplace(std::move(own_).agree(reply.fields.key).value());
    t1 = transcript_1(hello_, reply.clear);
    t2 = transcript_2(t1, reply.box);
  }
  // What the custodian says of box_2 with this in it.
  base::Error refusal(BytesView evidence) {
    if (error_) return *error_;
    Bytes box(evidence.size() + kAeadTagSize);
    const KeyAndNonce key = keys_->box_2(t2);
    Aead(key.key, Aead::Direction::seal).seal(key.nonce.view(), {}, evidence, box);
    const Bytes frame = make_frame(FrameType::confirm, encode_box(box));
    const auto verdict = responder_.on_frame({FrameType::confirm, frame}, world_.now());
    told_ = told(box);
    if (verdict) return {};
    EXPECT_EQ(responder_.state(), HandshakeState::failed);
    return verdict.error();
  }
  // In box_3, to whoever could read it.
  [[nodiscard]] CoarseCode told() const { return told_; }

  TranscriptHash t1, t2;

 private:
  CoarseCode told(BytesView box) {
    const FinalKeys last = (*std::move(keys_)).finish(transcript_3(t2, box));
    const Bytes& frame = responder_.farewell();
    if (frame.empty()) return CoarseCode::admitted;
    const BytesView sealed =
        decode_box(BytesView(frame).subspan(kFrameHeaderSize), kMaxAcceptBody).value();
    Bytes plain(sealed.size() - kAeadTagSize);
    EXPECT_TRUE(Aead(last.accept.key, Aead::Direction::open)
                    .open(last.accept.nonce.view(), {}, sealed, plain));
    return decode_verdict(plain).value();
  }

  TestWorld& world_;
  Responder responder_;
  EphemeralKey own_;
  Bytes hello_;
  std::optional<KeySchedule> keys_;
  std::optional<base::Error> error_;
  CoarseCode told_ = CoarseCode::admitted;
};

class OperatorTest : public testing::Test {
 protected:
  OperatorTest() {
    world_.edit_policy = [this](std::string text) {
      text = test::with_operator(std::move(text), "dana", dana_.public_key());
      text = test::with_operator(std::move(text), "evan", evan_.public_key(), "\"audit\"");
      return test::replaced(std::move(text), "\"purposes\": {",
                            "\"purposes\": {\"audit\": {\"initiator\": [], \"responder\": "
                            "[\"reports\"]},");
    };
    context_ = custodian_.context();
    context_.also_admit_operator = [](const auto&) { return Status(); };
  }
  [[nodiscard]] HandMade at_custodian(const std::string& purpose = "admin") {
    return {world_, custodian_, context_, purpose};
  }
  static OperatorProof honest(const SigningKey& key, const HandMade& with) {
    return {key.public_key(), key.sign(operator_message(key.public_key(), with.t2)).value()};
  }

  SigningKey dana_ = key_of(80), evan_ = key_of(81), stranger_ = key_of(82);
  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
  HandshakeContext context_;
};

TEST_F(OperatorTest, IsAdmittedAsWhatItIsAndBothTalk) {
  Dialogue d(world_, dana_, custodian_);
  d.run();
  ASSERT_TRUE(d.both_established())
      << (d.initiator_error() ? d.initiator_error()->to_string() : "") << " / "
      << (d.responder_error() ? d.responder_error()->to_string() : "");
  Established own = std::move(d.initiator()).take_established();
  Established theirs = std::move(d.responder()).take_established();
  EXPECT_EQ(enclave_of(own).role(), "custodian");
  EXPECT_EQ(enclave_of(own).image(), "custodian-1");
  EXPECT_EQ(std::get_if<policy::AdmittedPeer>(&theirs.peer), nullptr)
      << "an operator never stands where an enclave is wanted";
  const auto& admitted = std::get<policy::AdmittedOperator>(theirs.peer);
  EXPECT_EQ(admitted.name(), "dana");
  EXPECT_EQ(admitted.key(), dana_.public_key());
  EXPECT_EQ(admitted.purpose(), "admin");
  EXPECT_EQ(admitted.policy_serial(), 1u);
  EXPECT_EQ(admitted.policy_digest(), world_.policy(1)->digest());
  EXPECT_EQ(own.transcript, theirs.transcript);
  EXPECT_TRUE(own.exporter == theirs.exporter);
  Bytes question;
  Bytes plain(64);
  ASSERT_TRUE(own.sealer.seal(base::as_bytes("status"), world_.now().monotonic, question));
  EXPECT_EQ(theirs.opener.open({FrameType::data, question}, world_.now().monotonic, plain).value(),
            6u);
}

TEST_F(OperatorTest, AnHonestProofByHandIsAdmittedToo) {
  HandMade hand = at_custodian();
  EXPECT_FALSE(hand.refusal(encode_initiator_evidence(honest(dana_, hand))).code());
}

// Whoever it is, the stranger learns one class.
TEST_F(OperatorTest, WhoIsRefused) {
  const struct {
    const char* what;
    const SigningKey& key;
    AdmissionErrc code;
  } cases[] = {
      {"a key that policy does not list", stranger_, AdmissionErrc::operator_unknown},
      {"a signer of the authority", world_.authority.key(0), AdmissionErrc::operator_unknown},
      {"an operator of another purpose", evan_, AdmissionErrc::operator_not_in_purpose},
  };
  for (const auto& c : cases) {
    HandMade hand = at_custodian();
    const auto error = hand.refusal(encode_initiator_evidence(honest(c.key, hand)));
    EXPECT_TRUE(error.is(c.code)) << c.what << ": " << error.to_string();
    EXPECT_EQ(hand.told(), CoarseCode::not_admitted) << c.what;
  }
}

TEST_F(OperatorTest, WhatASignatureMustBeOver) {
  const Bytes domain = base::to_bytes(base::as_bytes("concordat/1/operator"));
  const Bytes zero(1);
  const struct {
    const char* what;
    std::function<policy::Signature(const HandMade&)> make;
  } cases[] = {
      {"the transcript alone", [&](const auto& h) { return sign(dana_, {h.t2.view()}); }},
      {"without the key",
       [&](const auto& h) {
         return sign(dana_, {domain, zero, h.t2.view()});
       }},
      {"a domain without its end",
       [&](const auto& h) {
         return sign(dana_, {domain, dana_.public_key().view(), h.t2.view()});
       }},
      {"another domain",
       [&](const auto& h) {
         return sign(dana_, {base::as_bytes("concordat/1/initiator"), zero,
                             dana_.public_key().view(), h.t2.view()});
       }},
      {"the message as a payload that signers sign",
       [&](const auto& h) {
         return sign(dana_,
                     {policy::pre_authentication_encoding(
                         policy::kPolicyPayloadType, operator_message(dana_.public_key(), h.t2))});
       }},
      {"the first transcript",
       [&](const auto& h) {
         return dana_.sign(operator_message(dana_.public_key(), h.t1)).value();
       }},
      {"another's key",
       [&](const auto& h) {
         return dana_.sign(operator_message(evan_.public_key(), h.t2)).value();
       }},
      {"by another key",
       [&](const auto& h) {
         return evan_.sign(operator_message(dana_.public_key(), h.t2)).value();
       }},
      {"of another handshake",
       [&](const auto&) { return honest(dana_, at_custodian()).signature; }},
      {"nothing at all", [&](const auto&) { return policy::Signature(); }},
  };
  for (const auto& c : cases) {
    HandMade hand = at_custodian();
    const OperatorProof proof{dana_.public_key(), c.make(hand)};
    const auto error = hand.refusal(encode_initiator_evidence(proof));
    EXPECT_TRUE(error.is(AdmissionErrc::bad_operator_signature))
        << c.what << ": " << error.to_string();
    EXPECT_EQ(hand.told(), CoarseCode::not_admitted) << c.what;
  }
}

TEST_F(OperatorTest, EveryBitOfTheProofCounts) {
  for (std::size_t bit = 0; bit < (32 + 64) * 8; ++bit) {
    HandMade hand = at_custodian();
    OperatorProof proof = honest(dana_, hand);
    auto& byte = bit < 256 ? proof.key.mutable_view()[bit / 8]
                           : proof.signature.mutable_view()[(bit - 256) / 8];
    byte ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_TRUE(hand.refusal(encode_initiator_evidence(proof)).code()) << bit;
  }
}

TEST_F(OperatorTest, WhereOperatorsAreNotServedNoneIsAdmitted) {
  context_.also_admit_operator = {};
  HandMade hand = at_custodian();
  const auto error = hand.refusal(encode_initiator_evidence(honest(dana_, hand)));
  EXPECT_TRUE(error.is(Errc::operators_not_served)) << error.to_string();
  EXPECT_EQ(hand.told(), CoarseCode::not_admitted);
}

TEST_F(OperatorTest, OneTooManyIsToldToComeLater) {
  context_.also_admit_operator = [](const auto&) { return Status(base::Error(Errc::busy)); };
  HandMade hand = at_custodian();
  EXPECT_TRUE(hand.refusal(encode_initiator_evidence(honest(dana_, hand))).is(Errc::busy));
  EXPECT_EQ(hand.told(), CoarseCode::busy);
}

// Neither an operator through the workers' door, nor an enclave through the operators'.
TEST_F(OperatorTest, EachHasItsOwnPurpose) {
  HandMade hand = at_custodian("keys");
  EXPECT_TRUE(hand.refusal(encode_initiator_evidence(honest(dana_, hand)))
                  .is(AdmissionErrc::operator_not_in_purpose));

  Dialogue worker(world_, worker_, custodian_);
  worker.purpose = "admin";
  worker.run();
  EXPECT_TRUE(worker.initiator_error()->is(AdmissionErrc::own_role_not_in_purpose));
  // One that does not mind what its own policy says.
  Dialogue shameless(world_, worker_, custodian_);
  shameless.purpose = "admin";
  shameless.context(Towards::initiator).operator_key = dana_.public_key();
  shameless.signatures = [this](const Bytes& message) { return stranger_.sign(message).value(); };
  shameless.run();
  EXPECT_FALSE(shameless.both_established()) << "it has no signature of that key";

  HandMade document = at_custodian("admin");
  attest::MintRequest order;
  order.purpose = attest::Purpose::application;
  const auto refused = document.refusal(encode_initiator_evidence(worker_.mint(order)));
  EXPECT_TRUE(refused.code());
  EXPECT_EQ(document.told(), CoarseCode::not_admitted);
}

TEST_F(OperatorTest, APurposeThatTheEnclaveDoesNotAnswerIsRefusedAtOnce) {
  EXPECT_TRUE(at_custodian("audit").refusal({}).is(Errc::purpose_not_served));
}

TEST_F(OperatorTest, AsksOnlyAnEnclaveThatPolicyLetsAnswer) {
  TestEnclave altered = TestEnclave::altered(world_, "custodian-1", "custodian");
  Dialogue image(world_, dana_, altered);
  bool signed_something = false;
  image.signatures = [&](const Bytes& message) {
    signed_something = true;
    return dana_.sign(message).value();
  };
  image.run();
  EXPECT_TRUE(image.initiator_error()->is(AdmissionErrc::image_differs));
  // The authority that the operator holds is the one that the enclave must have measured.
  Dialogue authority(world_, dana_, custodian_);
  authority.context(Towards::initiator).own_pcr16 = test::TestAuthority(2).descriptor().pcr16();
  authority.signatures = image.signatures;
  authority.run();
  EXPECT_TRUE(authority.initiator_error()->is(AdmissionErrc::authority_differs));
  EXPECT_FALSE(signed_something) << "nothing is signed for whom it does not admit";
}

TEST_F(OperatorTest, OneThatItsOwnPolicyDoesNotListSignsNothing) {
  Dialogue d(world_, stranger_, custodian_);
  d.signatures = [](const Bytes&) -> policy::Signature {
    ADD_FAILURE() << "signed";
    return {};
  };
  d.run();
  EXPECT_TRUE(d.initiator_error()->is(AdmissionErrc::operator_unknown));
}

TEST_F(OperatorTest, AFaultySignersWorkGoesNowhere) {
  Dialogue d(world_, dana_, custodian_);
  d.signatures = [this](const Bytes& message) {
    policy::Signature made = dana_.sign(message).value();
    made.mutable_view()[0] ^= 1;
    return made;
  };
  d.run();
  EXPECT_TRUE(d.initiator_error()->is(policy::SignatureErrc::bad_signature));
  EXPECT_EQ(d.frames().size(), 2u);
}

TEST_F(OperatorTest, PoliciesMustBeOneAndTheNewerIsHandedOver) {
  Dialogue older(world_, dana_, custodian_, 1, 2);
  older.run();
  EXPECT_TRUE(older.initiator_error()->is(Errc::policy_differs));
  EXPECT_EQ(older.initiator().offered_policy(), world_.envelope(2));
  Dialogue newer(world_, dana_, custodian_, 3, 2);
  newer.run();
  EXPECT_TRUE(newer.responder_error()->is(Errc::policy_differs));
  ASSERT_TRUE(newer.responder().on_late_refuse({FrameType::refuse, newer.frames().back()}));
  EXPECT_EQ(newer.responder().offered_policy(), world_.envelope(3));
}

// Its clock judges for itself alone.
TEST_F(OperatorTest, AnExpiredPolicyAdmitsNoOperator) {
  HandMade hand = at_custodian();
  const Bytes proof = encode_initiator_evidence(honest(dana_, hand));
  world_.wall = base::parse_rfc3339("2026-02-01T00:00:00Z").value();
  EXPECT_TRUE(hand.refusal(proof).is(policy::SignatureErrc::expired));
}

TEST_F(OperatorTest, SendsNoEarlyRecords) {
  Dialogue d(world_, dana_, custodian_);
  Status early;
  d.relay = [&](Towards, std::size_t number, Bytes frame) {
    if (number == 2) {
      Bytes out;
      early = d.initiator().seal_early(base::as_bytes("rotate"), world_.now(), out);
    }
    return Frames{std::move(frame)};
  };
  d.run();
  EXPECT_TRUE(early.error().is(Errc::wrong_state));
  EXPECT_TRUE(d.both_established());
}

TEST_F(OperatorTest, StepsOfTheOtherKindFail) {
  Dialogue d(world_, dana_, custodian_);
  d.signatures = [&](const Bytes&) {
    EXPECT_TRUE(d.initiator().on_document(Bytes(8), world_.now()).error().is(Errc::wrong_state));
    return policy::Signature();
  };
  d.run();
  EXPECT_EQ(d.initiator().state(), HandshakeState::failed);
  Initiator enclave(worker_.context(), "keys");
  EXPECT_TRUE(enclave.on_signature({}, world_.now()).error().is(Errc::wrong_state));
}

}  // namespace
}  // namespace concordat::peer
