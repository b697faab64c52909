// The parent in the middle with keys of its own: it agrees on a secret with each side, opens every
// box and seals its content anew for the other one. It lacks nothing but a document that names its
// keys and its transcripts; two checks see that, and each of them alone ends the handshake.
#include <gtest/gtest.h>

#include "attest/document.hpp"
#include "peer/error.hpp"
#include "policy/errc.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using test::TestEnclave;
using test::TestWorld;

Bytes open(const KeyAndNonce& key, BytesView box) {
  Bytes plaintext(box.size() - kAeadTagSize);
  EXPECT_TRUE(Aead(key.key, Aead::Direction::open).open(key.nonce.view(), {}, box, plaintext));
  return plaintext;
}

Bytes seal(const KeyAndNonce& key, BytesView plaintext) {
  Bytes box(plaintext.size() + kAeadTagSize);
  Aead(key.key, Aead::Direction::seal).seal(key.nonce.view(), {}, plaintext, box);
  return box;
}

Bytes owned_body_of(const Bytes& frame) {
  return base::to_bytes(BytesView(frame).subspan(kFrameHeaderSize));
}

// What the one in the middle shares with one side.
struct Leg {
  explicit Leg(base::RandomSource& random) : own(random), key(own.public_key()) {}
  void agree(const PublicKey& other) { keys.emplace(std::move(own).agree(other).value()); }

  EphemeralKey own;
  PublicKey key;
  std::optional<KeySchedule> keys;
  Bytes hello;
  TranscriptHash transcript;  // the latest that was made
  std::optional<FinalKeys> final_keys;
};

// What a document on its way is changed to say, as no NSM would on behalf of the one in the middle.
struct Rebind {
  bool key = false;         // public_key: the key that the receiver got
  bool transcript = false;  // the transcript of the receiver's leg
};

class ManInTheMiddle : public testing::Test {
 protected:
  // A handshake with the one in the middle; `responders`, `initiators`: what becomes of the
  // document of each.
  std::unique_ptr<Dialogue> run(Rebind responders, Rebind initiators) {
    of_responder_ = responders;
    of_initiator_ = initiators;
    auto d = std::make_unique<Dialogue>(world_, worker_, custodian_);
    return run(std::move(d));
  }
  // The same with an operator; `signs_anew`: as if it signed for the other leg.
  std::unique_ptr<Dialogue> run_operator(Rebind responders, bool signs_anew) {
    world_.edit_policy = [this](std::string text) {
      return test::with_operator(std::move(text), "dana", operator_.public_key());
    };
    of_responder_ = responders;
    of_initiator_ = {.transcript = signs_anew};
    return run(std::make_unique<Dialogue>(world_, operator_, custodian_));
  }

 private:
  std::unique_ptr<Dialogue> run(std::unique_ptr<Dialogue> d) {
    d->relay = [this](Towards, std::size_t number, const Bytes& frame) {
      return Frames{pass_on(number, frame)};
    };
    d->run();
    return d;
  }

  Bytes pass_on(std::size_t number, const Bytes& frame) {
    const auto type = static_cast<FrameType>(frame.at(0));
    if (number == 0) return hello(frame);
    if (number == 1 && type == FrameType::reply) return reply(owned_body_of(frame));
    if (number == 2 && type == FrameType::confirm) return confirm(owned_body_of(frame));
    if (number == 3 && type == FrameType::accept) return accept(owned_body_of(frame));
    return frame;
  }

  Bytes hello(const Bytes& frame) {
    Hello hello = decode_hello(owned_body_of(frame)).value();
    initiator_.hello = frame;
    initiator_.agree(hello.key);
    hello.key = responder_.key;
    responder_.hello = make_frame(FrameType::hello, encode(hello));
    return responder_.hello;
  }

  Bytes reply(const Bytes& body) {
    const Reply reply = decode_reply(body).value();
    responder_.agree(reply.fields.key);
    const TranscriptHash theirs = transcript_1(responder_.hello, reply.clear);
    const Bytes plaintext = open(responder_.keys->box_1(theirs), reply.box);
    responder_.transcript = transcript_2(theirs, reply.box);

    ReplyFields fields = reply.fields;
    fields.key = initiator_.key;
    const Bytes clear = encode(fields);
    const TranscriptHash ours = transcript_1(initiator_.hello, clear);
    const Bytes document =
        rebound(custodian_, attest::Purpose::handshake_responder, of_responder_,
                decode_responder_evidence(plaintext).value(), initiator_.key, ours);
    const Bytes box = seal(initiator_.keys->box_1(ours), encode_responder_evidence(document));
    initiator_.transcript = transcript_2(ours, box);
    return make_frame(FrameType::reply, encode_reply(clear, box));
  }

  Bytes confirm(const Bytes& body) {
    const BytesView theirs = decode_box(body, kMaxEvidenceBody).value();
    const Bytes plaintext = open(initiator_.keys->box_2(initiator_.transcript), theirs);
    finish(initiator_, theirs);

    const Bytes ours = seal(responder_.keys->box_2(responder_.transcript),
                            for_responder(decode_initiator_evidence(plaintext).value()));
    finish(responder_, ours);
    return make_frame(FrameType::confirm, encode_box(ours));
  }

  Bytes for_responder(const InitiatorEvidence& evidence) {
    if (const auto* document = std::get_if<BytesView>(&evidence)) {
      return encode_initiator_evidence(rebound(worker_, attest::Purpose::handshake_initiator,
                                               of_initiator_, *document, responder_.key,
                                               responder_.transcript));
    }
    OperatorProof proof = std::get<OperatorProof>(evidence);
    if (of_initiator_.transcript) {
      proof.signature = operator_.sign(operator_message(proof.key, responder_.transcript)).value();
    }
    return encode_initiator_evidence(proof);
  }

  Bytes accept(const Bytes& body) {
    const Bytes verdict =
        open(responder_.final_keys->accept, decode_box(body, kMaxAcceptBody).value());
    return make_frame(FrameType::accept, encode_box(seal(initiator_.final_keys->accept, verdict)));
  }

  static void finish(Leg& leg, BytesView box_2) {
    leg.transcript = transcript_3(leg.transcript, box_2);
    leg.final_keys.emplace((*std::move(leg.keys)).finish(leg.transcript));
  }

  static Bytes rebound(TestEnclave& enclave, attest::Purpose purpose, const Rebind& what,
                       BytesView document, const PublicKey& key, const TranscriptHash& transcript) {
    if (!what.key && !what.transcript) return base::to_bytes(document);
    const auto parsed = attest::UnverifiedDocument::parse(document).value();
    const auto& fields = parsed.unverified();
    const auto items =
        attest::check_purpose(purpose, {*fields.user_data, *fields.nonce, *fields.public_key});
    Statement statement = decode_statement(items.value().encoded).value();
    if (what.transcript) statement.transcript = transcript;
    return enclave.mint(
        {purpose,
         {encode_statement(statement), kStatementItems},
         fields.nonce,
         what.key ? EphemeralKey::subject_public_key_info(key) : fields.public_key});
  }

  policy::SigningKey operator_ = test::operator_key();
  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
  Leg initiator_{world_.random};  // towards the initiator
  Leg responder_{world_.random};
  Rebind of_responder_, of_initiator_;
};

constexpr Rebind kAsItWas{};
constexpr Rebind kBoth{true, true};

TEST_F(ManInTheMiddle, IsSeenByTheInitiatorFirst) {
  const auto d = run(kAsItWas, kAsItWas);
  ASSERT_TRUE(d->initiator_error());
  EXPECT_TRUE(d->initiator_error()->is(Errc::key_not_attested))
      << d->initiator_error()->to_string();
  EXPECT_EQ(d->frames().size(), 2u) << "hello and reply: the worker has shown nothing of itself";
}

TEST_F(ManInTheMiddle, IsSeenByTheResponderToo) {
  const auto d = run(kBoth, kAsItWas);
  ASSERT_TRUE(d->responder_error());
  EXPECT_TRUE(d->responder_error()->is(Errc::key_not_attested))
      << d->responder_error()->to_string();
  EXPECT_EQ(d->initiator_error()->to_string(), "the other side refused: not_admitted");
}

TEST_F(ManInTheMiddle, ADocumentThatNamesItsKeyIsOfAnotherHandshake) {
  const auto towards_initiator = run({.key = true}, kAsItWas);
  ASSERT_TRUE(towards_initiator->initiator_error());
  EXPECT_TRUE(towards_initiator->initiator_error()->is(Errc::transcript_mismatch))
      << towards_initiator->initiator_error()->to_string();
}

TEST_F(ManInTheMiddle, ADocumentThatNamesItsKeyIsOfAnotherHandshakeForTheResponderToo) {
  const auto d = run(kBoth, {.key = true});
  ASSERT_TRUE(d->responder_error());
  EXPECT_TRUE(d->responder_error()->is(Errc::transcript_mismatch))
      << d->responder_error()->to_string();
}

TEST_F(ManInTheMiddle, ADocumentThatNamesItsTranscriptAttestsAnotherKey) {
  const auto d = run({.transcript = true}, kAsItWas);
  ASSERT_TRUE(d->initiator_error());
  EXPECT_TRUE(d->initiator_error()->is(Errc::key_not_attested))
      << d->initiator_error()->to_string();
}

TEST_F(ManInTheMiddle, ADocumentThatNamesItsTranscriptAttestsAnotherKeyForTheResponderToo) {
  const auto d = run(kBoth, {.transcript = true});
  ASSERT_TRUE(d->responder_error());
  EXPECT_TRUE(d->responder_error()->is(Errc::key_not_attested))
      << d->responder_error()->to_string();
}

TEST_F(ManInTheMiddle, IsSeenByAnOperatorBeforeItSignsAnything) {
  const auto d = run_operator(kAsItWas, false);
  ASSERT_TRUE(d->initiator_error());
  EXPECT_TRUE(d->initiator_error()->is(Errc::key_not_attested))
      << d->initiator_error()->to_string();
  EXPECT_EQ(d->frames().size(), 2u);
}

TEST_F(ManInTheMiddle, CannotHandAnOperatorsSignatureOn) {
  const auto d = run_operator(kBoth, false);
  ASSERT_TRUE(d->responder_error());
  EXPECT_TRUE(d->responder_error()->is(policy::AdmissionErrc::bad_operator_signature))
      << d->responder_error()->to_string();
  EXPECT_EQ(d->initiator_error()->to_string(), "the other side refused: not_admitted");
}

TEST_F(ManInTheMiddle, WouldBeAdmittedIfAnNsmAndTheOperatorSignedForIt) {
  EXPECT_TRUE(run_operator(kBoth, true)->both_established());
}

// That what the cases above are refused for is all that is wrong with them.
TEST_F(ManInTheMiddle, WouldBeAdmittedByBothIfAnNsmSignedForIt) {
  const auto d = run(kBoth, kBoth);
  EXPECT_TRUE(d->both_established())
      << (d->initiator_error() ? d->initiator_error()->to_string() : "") << " / "
      << (d->responder_error() ? d->responder_error()->to_string() : "");
}

}  // namespace
}  // namespace concordat::peer
