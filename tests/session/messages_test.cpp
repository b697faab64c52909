#include "session/messaging/messages.hpp"

#include <gtest/gtest.h>

#include <set>

#include "session/messaging/error.hpp"
#include "tests/session/message_samples.hpp"

namespace concordat::session::messaging {
namespace {

Body body_of(Kind kind, base::Bytes bytes) {
  Body out;
  if (kind == Kind::letter) {
    out.secret = base::SecretBytes::take(bytes);
  } else {
    out.clear = std::move(bytes);
  }
  return out;
}

TEST(SessionMessages, AreReadAsTheyWereWritten) {
  for (const Message& message : test::sample_messages()) {
    const Body body = encode(message);
    const auto read = decode(kind_of(message), body, test::kSampleParties);
    ASSERT_TRUE(read) << message.index() << ": " << read.error().to_string();
    EXPECT_EQ(read->index(), message.index());
    EXPECT_EQ(base::to_hex(encode(*read).view()), base::to_hex(body.view()));
  }
}

TEST(SessionMessages, LettersAloneAreInGuardedMemory) {
  for (const Message& message : test::sample_messages()) {
    const bool is_letter = std::holds_alternative<Letter>(message);
    EXPECT_EQ(encode(message).secret.empty(), !is_letter);
    EXPECT_EQ(encode(message).clear.empty(), is_letter);
  }
}

TEST(SessionMessages, NoOtherBytesAreTheSameMessage) {
  for (const Message& message : test::sample_messages()) {
    const Kind kind = kind_of(message);
    const base::Bytes bytes = base::to_bytes(encode(message).view());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const auto read =
          decode(kind, body_of(kind, {bytes.begin(), bytes.begin() + cut}), test::kSampleParties);
      ASSERT_FALSE(read);
      EXPECT_TRUE(read.error().is(Errc::malformed));
    }
    base::Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode(kind, body_of(kind, longer), test::kSampleParties));
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      base::Bytes other = bytes;
      other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      const auto read = decode(kind, body_of(kind, other), test::kSampleParties);
      if (read) {
        EXPECT_EQ(base::to_hex(encode(*read).view()), base::to_hex(other));
      }
    }
  }
}

TEST(SessionMessages, AnEchoHasAnEntryOfEachParty) {
  const Echo echo{1, {test::seen(1), test::seen(2)}, {}};
  EXPECT_TRUE(decode(Kind::echo, encode(Message(echo)), 2));
  EXPECT_FALSE(decode(Kind::echo, encode(Message(echo)), 3));
  EXPECT_FALSE(decode(Kind::echo, encode(Message(echo)), 1));
}

TEST(SessionMessages, TwoEqualBroadcastsAreNoEquivocation) {
  const Evidence same = Equivocation{1, 2, test::seen(1), test::seen(1)};
  EXPECT_FALSE(decode_evidence(encode(same), 3));
  const Evidence turned = Equivocation{1, 2, test::seen(2), test::seen(1)};
  EXPECT_FALSE(decode_evidence(encode(turned), 3));
  EXPECT_TRUE(
      decode_evidence(encode(Evidence(equivocation(1, 2, test::seen(2), test::seen(1)))), 3));
}

TEST(SessionMessages, AnAccusersSignatureIsOverAllElse) {
  const auto digest = test::filled<base::Sha256Digest>(1);
  const BadLetter base{1, 2, 3, {7}, test::filled<Signature>(1), digest, {{}, {}, {}}, {}};
  std::set<base::Sha256Digest> claims{claim_of(Evidence(base))};
  std::vector<BadLetter> others(7, base);
  others[0].round = 2;
  others[1].accuser = 1;
  others[2].accused = 1;
  others[3].body = {8};
  others[4].signature = test::filled<Signature>(2);
  others[5].vector = test::filled<base::Sha256Digest>(2);
  others[6].echoes[1] = test::filled<Signature>(3);
  for (const BadLetter& other : others)
    EXPECT_TRUE(claims.insert(claim_of(Evidence(other))).second);
  BadLetter signed_otherwise = base;
  signed_otherwise.accuser_signature = test::filled<Signature>(4);
  EXPECT_TRUE(claims.contains(claim_of(Evidence(signed_otherwise))));
}

// Whatever two statements are about, they are never the same bytes.
TEST(SessionStatements, DifferInAllThatTheySay) {
  const auto run = test::filled<base::Sha256Digest>(1);
  const auto other_run = test::filled<base::Sha256Digest>(2);
  const auto digest = test::filled<base::Sha256Digest>(3);
  std::set<base::Bytes> all;
  std::size_t made = 0;
  for (const auto& roster : {run, other_run}) {
    const Statements statements(roster);
    for (const auto& content : {digest, run}) {
      for (PartyIndex from = 1; from <= 2; ++from) {
        all.insert(statements.result(from, content));
        all.insert(statements.accusation(from, content));
        made += 2;
        for (Round round = 1; round <= 2; ++round) {
          all.insert(statements.broadcast(round, from, content));
          all.insert(statements.echo(round, from, content));
          all.insert(statements.letter(round, from, 3, content));
          all.insert(statements.letter(round, from, 4, content));
          made += 4;
        }
      }
    }
  }
  EXPECT_EQ(all.size(), made);
}

}  // namespace
}  // namespace concordat::session::messaging
