// Proof against a party convinces whoever was not there, names the guilty one, and nothing in it
// can be changed.
#include "session/proof.hpp"

#include <gmock/gmock.h>

#include "session/messaging/judging.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using messaging::BadBroadcast;
using messaging::BadLetter;
using messaging::Evidence;
using messaging::Signature;

Bytes bytes_of(std::string_view text) {
  return base::to_bytes(base::as_bytes(text));
}

// Two rounds. What a party broadcasts in the second is what it said in the first; letters are "for
// you". Only who has seen the first round can check the second.
class Echoing final : public Protocol {
 public:
  Round rounds() const noexcept override { return 2; }
  RoundShape shape(Round) const noexcept override { return {8, 8}; }
  Result<Outgoing> send(Round) override { return Error(FormingErrc::timed_out, "not asked"); }
  Status check_broadcast(Round round, PartyIndex from, base::BytesView body) const override {
    if (round == 1 || base::equal(body, said_.at(from))) return {};
    return Error(FormingErrc::roster_differs);
  }
  Status check_letter(Round, PartyIndex, PartyIndex, const base::SecretBytes& letter,
                      const std::map<PartyIndex, Bytes>&) const override {
    if (letter.size() == 7) return {};
    return Error(FormingErrc::roster_differs);
  }
  Status receive(Round, Incoming incoming) override {
    EXPECT_TRUE(incoming.letters.empty());
    said_ = std::move(incoming.broadcasts);
    return {};
  }
  Result<Output> output() override { return Error(FormingErrc::timed_out, "not asked"); }

 private:
  std::map<PartyIndex, Bytes> said_;
};

Result<std::unique_ptr<Protocol>> watch_echoing(std::string_view, base::BytesView,
                                                const Seat& seat) {
  EXPECT_EQ(seat.self, 0u);
  EXPECT_EQ(seat.parties, (std::vector<PartyIndex>{1, 2, 3}));
  return std::unique_ptr<Protocol>(std::make_unique<Echoing>());
}

// What the parties of a run signed.
struct Signers {
  explicit Signers(const std::deque<Instance>& formed)
      : instances(&formed), statements(formed.front().formed->run) {}
  [[nodiscard]] Signature sign(PartyIndex party, const Bytes& statement) const {
    return instances->at(party - 1).formed->key.sign(statement).value();
  }
  [[nodiscard]] Signature broadcast(Round round, PartyIndex party, const Bytes& body) const {
    return sign(party, statements.broadcast(round, party, base::sha256({body})));
  }
  [[nodiscard]] std::vector<Signature> echoes(Round round, const base::Sha256Digest& of) const {
    std::vector<Signature> out;
    for (PartyIndex party = 1; party <= 3; ++party)
      out.push_back(sign(party, statements.echo(round, party, of)));
    return out;
  }
  [[nodiscard]] messaging::SeenRound round(Round round, std::vector<Bytes> bodies) const {
    auto signatures = echoes(round, messaging::vector_of(bodies));
    return {std::move(bodies), std::move(signatures)};
  }
  [[nodiscard]] BadBroadcast accuse(Round round, PartyIndex accuser, PartyIndex accused,
                                    const Bytes& body) const {
    BadBroadcast out{round, accuser, accused, body, broadcast(round, accused, body), {}};
    out.accuser_signature = sign(accuser, statements.accusation(accuser, messaging::claim_of(out)));
    return out;
  }
  [[nodiscard]] BadLetter accuse_of_letter(Round round, PartyIndex accuser, PartyIndex accused,
                                           const Bytes& body,
                                           const base::Sha256Digest& vector) const {
    BadLetter out{round, accuser, accused, body, {}, vector, echoes(round, vector), {}};
    out.signature = sign(accused, statements.letter(round, accused, accuser, base::sha256({body})));
    out.accuser_signature = sign(accuser, statements.accusation(accuser, messaging::claim_of(out)));
    return out;
  }

  const std::deque<Instance>* instances;
  messaging::Statements statements;
};

class Proofs : public testing::Test {
 protected:
  std::deque<Instance>& formed(std::uint64_t seed) {
    nets_.push_back(std::make_unique<RelayNet>(world_, seed));
    const auto descriptor = world_.descriptor();
    for (PartyIndex index = 1; index <= 3; ++index)
      nets_.back()->start(index, descriptor);
    nets_.back()->run();
    for (const Instance& instance : nets_.back()->instances())
      EXPECT_TRUE(instance.formed);
    return nets_.back()->instances();
  }
  [[nodiscard]] auto verify(const Bytes& proof) const {
    return verify_proof(proof, world_.authorities(), world_.anchors, watch_echoing);
  }
  [[nodiscard]] Bytes proof(const Evidence& evidence,
                            const messaging::Transcript& seen = {}) const {
    return make_proof(*instances_.front().formed, seen, evidence);
  }
  // The guilty party; 0 and the refusal's name where it convicts nobody.
  std::pair<PartyIndex, std::string> guilty(const Bytes& proof) const {
    const auto verified = verify(proof);
    if (verified) return {verified->guilty, verified->what};
    return {0, std::string(verified.error().name())};
  }
  [[nodiscard]] Evidence equivocation(PartyIndex party) const {
    const Bytes one = bytes_of("one"), two = bytes_of("two");
    return messaging::equivocation(1, party,
                                   {base::sha256({one}), signers_.broadcast(1, party, one)},
                                   {base::sha256({two}), signers_.broadcast(1, party, two)});
  }
  using Named = std::pair<PartyIndex, std::string>;

  SessionWorld world_{3};
  std::vector<std::unique_ptr<RelayNet>> nets_;
  std::deque<Instance>& instances_ = formed(1);
  Signers signers_{instances_};
  const std::vector<Bytes> said_{bytes_of("a"), bytes_of("b"), bytes_of("c")};
  const messaging::SeenRound first_ = signers_.round(1, said_);
};

TEST_F(Proofs, OfTwoBroadcastsInOneRoundNamesTheirSender) {
  const auto verified = verify(proof(equivocation(2)));
  ASSERT_TRUE(verified) << verified.error().to_string();
  EXPECT_EQ(verified->guilty, 2u);
  EXPECT_EQ(verified->what, "equivocation by party 2 in round 1");
  EXPECT_EQ(verified->group.run, instances_.front().formed->run);
  EXPECT_EQ(verified->group.claims.at(2).module_id(), verified->group.roster.seat(2)->module_id);
}

TEST_F(Proofs, OfABroadcastIsJudgedByTheRoundsBefore) {
  const BadBroadcast accusation = signers_.accuse(2, 1, 3, bytes_of("x"));
  EXPECT_EQ(guilty(proof(accusation, {first_})), Named(3, "bad broadcast by party 3 in round 2"));
  EXPECT_EQ(guilty(proof(signers_.accuse(2, 1, 3, Bytes(9, 'x')), {first_})).first, 3u)
      << "larger than its shape";
  EXPECT_EQ(guilty(proof(accusation)), Named(0, "proof_incomplete"));
  EXPECT_EQ(guilty(proof(accusation, {first_, first_})), Named(0, "proof_malformed"));
}

TEST_F(Proofs, AnAccusationThatDoesNotHoldIsItsAccusersGuilt) {
  const Named false_by_1(1, "false accusation by party 1 in round 2");
  EXPECT_EQ(guilty(proof(signers_.accuse(2, 1, 3, bytes_of("c")), {first_})), false_by_1);
  BadBroadcast forged = signers_.accuse(2, 1, 3, bytes_of("x"));
  forged.signature = signers_.broadcast(2, 2, bytes_of("x"));
  forged.accuser_signature =
      signers_.sign(1, signers_.statements.accusation(1, messaging::claim_of(forged)));
  EXPECT_EQ(guilty(proof(forged)), false_by_1) << "the accused never signed it";
}

TEST_F(Proofs, ALetterIsJudgedByTheBroadcastsOfItsRound) {
  const auto second = signers_.round(2, said_);
  const auto vector = messaging::vector_of(said_);
  const BadLetter bad = signers_.accuse_of_letter(2, 1, 3, bytes_of("other"), vector);
  EXPECT_EQ(guilty(proof(bad, {first_, second})), Named(3, "bad letter by party 3 in round 2"));
  EXPECT_EQ(guilty(proof(bad, {first_})), Named(0, "proof_incomplete"));
  const BadLetter good = signers_.accuse_of_letter(2, 1, 3, bytes_of("for you"), vector);
  EXPECT_EQ(guilty(proof(good, {first_, second})).first, 1u);
  BadLetter not_echoed = bad;
  not_echoed.echoes[1] = not_echoed.echoes[0];
  not_echoed.accuser_signature =
      signers_.sign(1, signers_.statements.accusation(1, messaging::claim_of(not_echoed)));
  EXPECT_EQ(guilty(proof(not_echoed, {first_, second})).first, 1u);
}

// Who shows other broadcasts than all parties saw makes nobody guilty.
TEST_F(Proofs, BroadcastsThatNotAllEchoedProveNothing) {
  const BadBroadcast accusation = signers_.accuse(2, 1, 3, bytes_of("c"));
  messaging::SeenRound other = signers_.round(1, {said_[0], said_[1], bytes_of("z")});
  other.echoes[2] = first_.echoes[2];  // party 3 is honest: it echoed what it saw, and once
  EXPECT_EQ(guilty(proof(accusation, {other})), Named(0, "proof_broadcasts_differ"));
  other = first_;
  other.echoes.pop_back();
  EXPECT_EQ(guilty(proof(accusation, {other})), Named(0, "proof_broadcasts_differ"));
  other = first_;
  other.bodies.pop_back();
  EXPECT_EQ(guilty(proof(accusation, {other})), Named(0, "proof_broadcasts_differ"));
  const auto second = signers_.round(2, {said_[0], said_[1], said_[2]});
  const BadLetter letter = signers_.accuse_of_letter(2, 1, 3, bytes_of("other"),
                                                     base::sha256({base::as_bytes("no round")}));
  EXPECT_EQ(guilty(proof(letter, {first_, second})), Named(0, "proof_broadcasts_differ"));
}

TEST_F(Proofs, WhatConvictsNobodyIsRefused) {
  const Named nobody(0, "proof_convicts_nobody");
  BadBroadcast unsigned_one = signers_.accuse(2, 1, 3, bytes_of("x"));
  unsigned_one.accuser_signature = unsigned_one.signature;
  EXPECT_EQ(guilty(proof(unsigned_one, {first_})), nobody);
  EXPECT_EQ(guilty(proof(signers_.accuse(2, 3, 3, bytes_of("x")), {first_})), nobody);
  EXPECT_EQ(guilty(proof(signers_.accuse(3, 1, 3, bytes_of("x")), {first_})), nobody);
  auto twice = std::get<messaging::Equivocation>(equivocation(2));
  twice.second.signature = twice.first.signature;
  EXPECT_EQ(guilty(proof(twice)), nobody);
  twice = std::get<messaging::Equivocation>(equivocation(2));
  twice.party = 3;
  EXPECT_EQ(guilty(proof(twice)), nobody);
  twice.party = 4;
  EXPECT_EQ(guilty(proof(twice)), nobody);
}

TEST_F(Proofs, NoByteCanBeChanged) {
  const Bytes good = proof(signers_.accuse(2, 1, 3, bytes_of("x")), {first_});
  ASSERT_TRUE(verify(good));
  // All of what is behind the group; of the group, whose checks receipts share, some.
  const std::size_t tail = 1400;
  ASSERT_GT(good.size(), tail);
  for (std::size_t at = 0; at < good.size(); at += at + tail < good.size() ? 61 : 3) {
    Bytes changed = good;
    changed[at] ^= 0x01;
    const auto verified = verify(changed);
    EXPECT_FALSE(verified) << "byte " << at << ": " << verified->what;
  }
  EXPECT_TRUE(verify(Bytes(good.begin(), good.end() - 1)).error().is(ProofErrc::malformed));
}

TEST_F(Proofs, NothingOfAnotherRunOrWorldCounts) {
  const Evidence old = equivocation(2);
  auto& newer = formed(2);
  EXPECT_EQ(guilty(make_proof(*newer.front().formed, {}, old)), Named(0, "proof_convicts_nobody"));
  FormedSession mixed = std::move(*newer.front().formed);
  mixed.evidence.at(2) = instances_.front().formed->evidence.at(2);
  EXPECT_EQ(guilty(make_proof(mixed, {}, old)), Named(0, "proof_group_refused"));
  const Bytes good = proof(old);
  EXPECT_TRUE(
      verify_proof(good, {}, world_.anchors, watch_echoing).error().is(ProofErrc::group_refused));
  const SessionWorld elsewhere(3);
  EXPECT_TRUE(verify_proof(good, world_.authorities(), elsewhere.anchors, watch_echoing)
                  .error()
                  .is(ProofErrc::group_refused));
}

}  // namespace
}  // namespace concordat::session
