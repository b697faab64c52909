// What a document says beside key and transcript, each item wrong by itself and everything else
// right: the other side refuses, whichever side it is.
#include "peer/judge.hpp"

#include <gtest/gtest.h>

#include "attest/refusal.hpp"
#include "peer/error.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using attest::MintRequest;
using attest::Purpose;
using base::Bytes;
using test::TestEnclave;
using test::TestWorld;

class JudgeTest : public testing::TestWithParam<Towards> {
 protected:
  // The side whose document is wrong.
  static Towards culprit() { return GetParam(); }

  // What the other side says of a document that was asked for with `change`.
  base::Error refusal(const std::function<void(MintRequest&)>& change) {
    Dialogue d(world_, worker_, custodian_);
    d.orders = [&](Towards by, MintRequest& order) {
      if (by == culprit()) change(order);
    };
    return refusal(d);
  }
  base::Error refusal_of_statement(const std::function<void(Statement&)>& change) {
    return refusal([&](MintRequest& order) {
      Statement statement = decode_statement(order.items.encoded).value();
      change(statement);
      order.items.encoded = encode_statement(statement);
    });
  }
  static base::Error refusal(Dialogue& d) {
    d.run();
    EXPECT_FALSE(d.both_established());
    const auto& judge = culprit() == Towards::initiator ? d.responder_error() : d.initiator_error();
    return judge.value_or(base::Error());
  }

  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
};

TEST_P(JudgeTest, AnotherPurposeIsRefused) {
  const auto error = refusal_of_statement([](Statement& s) { s.purpose = "tunnel/ledger"; });
  EXPECT_TRUE(error.is(Errc::statement_mismatch)) << error.to_string();
}

TEST_P(JudgeTest, AnotherPolicyDigestIsRefused) {
  const auto error =
      refusal_of_statement([](Statement& s) { s.policy.digest.mutable_view()[0] ^= 1; });
  EXPECT_TRUE(error.is(Errc::statement_mismatch)) << error.to_string();
}

TEST_P(JudgeTest, AnotherPolicySerialIsRefused) {
  const auto error = refusal_of_statement([](Statement& s) { ++s.policy.serial; });
  EXPECT_TRUE(error.is(Errc::statement_mismatch)) << error.to_string();
}

TEST_P(JudgeTest, AnotherTranscriptIsRefused) {
  const auto error =
      refusal_of_statement([](Statement& s) { s.transcript.mutable_view()[0] ^= 1; });
  EXPECT_TRUE(error.is(Errc::transcript_mismatch)) << error.to_string();
}

TEST_P(JudgeTest, AnExtensionThatThePurposeDoesNotDefineIsRefused) {
  const auto error = refusal_of_statement([](Statement& s) { s.extensions["x"] = Bytes{1}; });
  EXPECT_TRUE(error.is(Errc::unknown_extension)) << error.to_string();
}

// A policy may end while a handshake is under way: then the snapshot admits nobody any more.
TEST_P(JudgeTest, APolicyThatEndsDuringTheHandshakeAdmitsNobody) {
  const base::UnixMillis end = world_.wall + std::chrono::seconds(20);
  world_.edit_policy = [&](std::string text) {
    return test::replaced(std::move(text), "2026-01-31T00:00:00Z", base::format_rfc3339(end));
  };
  Dialogue d(world_, worker_, custodian_);
  d.documents = [&](Towards from, Bytes document) -> base::Result<Bytes> {
    if (from == culprit()) world_.wall = end;
    return document;
  };
  const auto error = refusal(d);
  EXPECT_EQ(error.name(), "policy_expired") << error.to_string();
}

// Genuine documents of the very enclave, fresh, with every field that their purpose can take as a
// handshake wants it.
TEST_P(JudgeTest, ADocumentMadeForAnotherPurposeIsNoEvidence) {
  const Purpose other_side =
      culprit() == Towards::initiator ? Purpose::handshake_responder : Purpose::handshake_initiator;
  struct Row {
    Purpose purpose;
    const char* refusal;
  };
  // Those that have no nonce fall at the nonce, before their purpose is looked at.
  for (const Row& row :
       {Row{other_side, "other_purpose"}, Row{Purpose::application, "other_purpose"},
        Row{Purpose::genesis, "nonce_missing"}, Row{Purpose::kms_recipient, "nonce_missing"},
        Row{Purpose::clock, "nonce_missing"}}) {
    const auto error = refusal([&](MintRequest& order) {
      const bool handshake = row.purpose == other_side;
      order.purpose = row.purpose;
      if (!handshake && row.purpose != Purpose::application) order.nonce.reset();
      if (!handshake && row.purpose != Purpose::kms_recipient) order.public_key.reset();
      if (attest::domain_of(row.purpose).empty()) order.items = {};
    });
    EXPECT_EQ(error.name(), row.refusal) << attest::to_string(row.purpose);
  }
}

INSTANTIATE_TEST_SUITE_P(, JudgeTest, testing::Values(Towards::initiator, Towards::responder),
                         [](const auto& side) {
                           return side.param == Towards::initiator ? "OfTheInitiator"
                                                                   : "OfTheResponder";
                         });

}  // namespace
}  // namespace concordat::peer
