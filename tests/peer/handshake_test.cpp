#include "peer/handshake.hpp"

#include <gtest/gtest.h>

#include "attest/refusal.hpp"
#include "peer/error.hpp"
#include "policy/errc.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using test::TestEnclave;
using test::TestWorld;

class HandshakeTest : public testing::Test {
 protected:
  Dialogue dialogue(std::uint64_t worker_serial = 1, std::uint64_t custodian_serial = 1) {
    return Dialogue(world_, worker_, custodian_, worker_serial, custodian_serial);
  }
  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
};

TEST_F(HandshakeTest, BothSidesAdmitEachOtherAndTalk) {
  Dialogue d = dialogue();
  d.run();
  ASSERT_TRUE(d.both_established())
      << (d.initiator_error() ? d.initiator_error()->to_string() : "") << " / "
      << (d.responder_error() ? d.responder_error()->to_string() : "");
  Established worker = std::move(d.initiator()).take_established();
  Established custodian = std::move(d.responder()).take_established();
  EXPECT_EQ(enclave_of(worker).role(), "custodian");
  EXPECT_EQ(enclave_of(worker).image(), "custodian-1");
  EXPECT_EQ(enclave_of(custodian).role(), "payments");
  EXPECT_EQ(worker.transcript, custodian.transcript);
  EXPECT_TRUE(worker.exporter == custodian.exporter);
  const base::MonotonicMillis at = world_.now().monotonic;
  Bytes question;
  ASSERT_TRUE(worker.sealer.seal(base::as_bytes("question"), at, question));
  Bytes plain(64);
  EXPECT_EQ(custodian.opener.open({FrameType::data, question}, at, plain).value(), 8u);
  Bytes answer;
  ASSERT_TRUE(custodian.sealer.seal(base::as_bytes("answer"), at, answer));
  EXPECT_EQ(worker.opener.open({FrameType::data, answer}, at, plain).value(), 6u);
  EXPECT_TRUE(worker.opener.open({FrameType::data, question}, at, plain)
                  .error()
                  .is(Errc::record_does_not_open))
      << "a record reflected to its sender";
}

TEST_F(HandshakeTest, EveryHandshakeHasItsOwnKeys) {
  Dialogue first = dialogue();
  Dialogue second = dialogue();
  first.run();
  second.run();
  ASSERT_TRUE(first.both_established() && second.both_established());
  EXPECT_FALSE(std::move(first.initiator()).take_established().exporter ==
               std::move(second.initiator()).take_established().exporter);
}

TEST_F(HandshakeTest, EarlyRecordsWaitForAdmissionAndAreBounded) {
  Dialogue d = dialogue();
  Bytes early;
  base::Status too_much;
  d.relay = [&](Towards, std::size_t number, Bytes frame) {
    // The confirm is on its way: the initiator may speak before the verdict.
    if (number == 2) {
      EXPECT_TRUE(d.initiator().seal_early(base::as_bytes("early"), world_.now(), early));
      too_much = d.initiator().seal_early(Bytes(kMaxEarlyPlaintext), world_.now(), early);
    }
    return Frames{std::move(frame)};
  };
  d.run();
  ASSERT_TRUE(d.both_established());
  EXPECT_TRUE(too_much.error().is(Errc::early_limit));
  Established custodian = std::move(d.responder()).take_established();
  Bytes plain(64);
  EXPECT_EQ(custodian.opener.open({FrameType::data, early}, world_.now().monotonic, plain).value(),
            5u);
}

// Serial 1 has ended, serial 2 has not: whichever side has the older one gets the newer.
TEST_F(HandshakeTest, ASideWhosePolicyHasEndedIsHandedANewerOne) {
  world_.edit_policy = [](const std::string& text) {
    return text.find("\"serial\": 2,") == std::string::npos
               ? text
               : test::replaced(text, "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z");
  };
  Dialogue initiator_late = dialogue(1, 2);
  Dialogue responder_late = dialogue(2, 1);
  world_.wall = base::parse_rfc3339("2026-02-01T00:00:00Z").value();
  initiator_late.run();
  EXPECT_TRUE(initiator_late.initiator_error()->is(Errc::policy_differs));
  EXPECT_EQ(initiator_late.initiator().offered_policy(), world_.envelope(2));

  responder_late.run();
  EXPECT_TRUE(responder_late.responder_error()->is(Errc::policy_differs));
  ASSERT_TRUE(responder_late.responder().expects_policy());
  ASSERT_TRUE(responder_late.responder().on_late_refuse(
      {FrameType::refuse, responder_late.frames().back()}));
  EXPECT_EQ(responder_late.responder().offered_policy(), world_.envelope(2));
}

TEST_F(HandshakeTest, APolicyThatNobodyConfirmsAnyMoreAdmitsNobody) {
  const auto key = test::freshness_key();
  world_.edit_policy = [&](std::string text) {
    return test::with_freshness(std::move(text), key, std::chrono::seconds(60));
  };
  const auto confirmed = [this](std::optional<base::UnixMillis> worker,
                                std::optional<base::UnixMillis> custodian) {
    Dialogue d = dialogue();
    d.context(Towards::initiator).policy_confirmed = worker;
    d.context(Towards::responder).policy_confirmed = custodian;
    d.run();
    const auto name = [](const auto& error) { return error ? std::string(error->name()) : ""; };
    return name(d.initiator_error()) + "/" + name(d.responder_error());
  };
  const base::UnixMillis fresh = world_.wall - std::chrono::seconds(59);
  const base::UnixMillis stale = world_.wall - std::chrono::seconds(60);
  EXPECT_EQ(confirmed(fresh, fresh), "/");
  EXPECT_EQ(confirmed(std::nullopt, fresh), "freshness_missing/");
  EXPECT_EQ(confirmed(stale, fresh), "freshness_too_old/");
  EXPECT_EQ(confirmed(fresh, stale), "refused_by_peer/freshness_too_old");
}

TEST_F(HandshakeTest, AnAlteredImageIsRefusedByTheNameOfThePcr) {
  TestEnclave altered = TestEnclave::altered(world_, "payments-1", "payments");
  Dialogue d(world_, altered, custodian_);
  d.run();
  ASSERT_TRUE(d.responder_error());
  EXPECT_NE(d.responder_error()->to_string().find("PCR0"), std::string::npos)
      << d.responder_error()->to_string();
  ASSERT_TRUE(d.initiator_error());
  EXPECT_EQ(d.initiator_error()->to_string(), "the other side refused: not_admitted")
      << "a stranger learns the class only";
}

TEST_F(HandshakeTest, AnAlteredCustodianIsRefusedBeforeTheWorkerShowsItself) {
  TestEnclave altered = TestEnclave::altered(world_, "custodian-1", "custodian");
  Dialogue d(world_, worker_, altered);
  d.run();
  ASSERT_TRUE(d.initiator_error());
  EXPECT_NE(d.initiator_error()->to_string().find("PCR0"), std::string::npos);
  EXPECT_EQ(d.frames().size(), 2u) << "hello and reply only";
}

TEST_F(HandshakeTest, AWorkerCannotAnswerAsCustodian) {
  TestEnclave impostor(world_, "payments-1", "custodian");
  Dialogue claims_custodian(world_, worker_, impostor);
  claims_custodian.run();
  EXPECT_FALSE(claims_custodian.both_established());
  EXPECT_TRUE(claims_custodian.initiator_error());

  TestEnclave honest(world_, "payments-1", "payments");
  Dialogue as_worker(world_, worker_, honest);
  as_worker.run();
  EXPECT_TRUE(as_worker.responder_error()->is(Errc::purpose_not_served));
}

TEST_F(HandshakeTest, UnknownPurposeIsRefusedBeforeAnyDocument) {
  Dialogue d = dialogue();
  d.purpose = "tunnel/ledger";
  d.run();
  EXPECT_TRUE(d.responder_error()->is(Errc::purpose_not_served));
  EXPECT_EQ(d.frames().size(), 2u);
  EXPECT_LT(d.frames()[1].size(), 100u) << "a refusal, not a document";
}

TEST_F(HandshakeTest, NewerResponderHandsItsPolicyOver) {
  Dialogue d = dialogue(1, 2);
  d.run();
  EXPECT_TRUE(d.initiator_error()->is(Errc::policy_differs));
  EXPECT_TRUE(d.responder_error()->is(Errc::policy_differs));
  EXPECT_EQ(d.initiator().offered_policy(), world_.envelope(2));
}

TEST_F(HandshakeTest, NewerInitiatorHandsItsPolicyOverAfterTheRefusal) {
  Dialogue d = dialogue(3, 2);
  d.run();
  EXPECT_TRUE(d.responder_error()->is(Errc::policy_differs));
  EXPECT_TRUE(d.initiator_error()->is(Errc::policy_differs));
  ASSERT_TRUE(d.responder().expects_policy());
  const Bytes late = d.frames().back();
  ASSERT_TRUE(d.responder().on_late_refuse({FrameType::refuse, late}));
  EXPECT_EQ(d.responder().offered_policy(), world_.envelope(3));
  EXPECT_FALSE(d.responder().expects_policy());
  EXPECT_FALSE(d.responder().on_late_refuse({FrameType::refuse, late})) << "once only";
}

TEST_F(HandshakeTest, AnExpiredPolicyAdmitsNobody) {
  Dialogue d = dialogue();
  world_.wall = base::parse_rfc3339("2026-02-01T00:00:00Z").value();
  d.run();
  ASSERT_TRUE(d.initiator_error());
  EXPECT_EQ(d.initiator_error()->name(), "policy_expired");
  EXPECT_EQ(d.responder_error()->name(), "policy_expired");
  EXPECT_EQ(d.frames().size(), 2u) << "a hello and a refusal, which say nothing but serials";
}

TEST_F(HandshakeTest, AnOldDocumentIsRefused) {
  Dialogue d = dialogue();
  d.documents = [&](Towards from, Bytes document) -> base::Result<Bytes> {
    if (from == Towards::initiator) world_.wall = world_.wall + std::chrono::minutes(6);
    return document;
  };
  d.run();
  EXPECT_TRUE(d.responder_error()->is(attest::Errc::document_too_old))
      << d.responder_error()->to_string();
}

TEST_F(HandshakeTest, ADocumentFromAnotherHandshakeIsRefused) {
  Bytes replayed;
  Dialogue first = dialogue();
  first.documents = [&](Towards from, Bytes document) -> base::Result<Bytes> {
    if (from == Towards::initiator) replayed = document;
    return document;
  };
  first.run();
  ASSERT_TRUE(first.both_established());
  Dialogue second = dialogue();
  second.documents = [&](Towards from, Bytes document) -> base::Result<Bytes> {
    return from == Towards::initiator ? replayed : document;
  };
  second.run();
  EXPECT_TRUE(second.responder_error()->is(attest::Errc::nonce_mismatch))
      << second.responder_error()->to_string();
}

TEST_F(HandshakeTest, StepsOutOfTurnFail) {
  Initiator initiator(worker_.context(), "keys");
  EXPECT_TRUE(initiator.on_document(Bytes(8), world_.now()).error().is(Errc::wrong_state));
  EXPECT_EQ(initiator.state(), HandshakeState::failed);
  EXPECT_TRUE(initiator.start().error().is(Errc::wrong_state));
  Responder responder(custodian_.context());
  EXPECT_TRUE(responder.on_document(Bytes(8), world_.now()).error().is(Errc::wrong_state));
}

}  // namespace
}  // namespace concordat::peer
