#include "session/protocols/frost/keygen.hpp"

#include "attest/base/secret_access.hpp"
#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/proof.hpp"
#include "tests/frost/session_fixture.hpp"

namespace concordat::session::frost {
namespace {

enum : Round { kCommit = 1, kOpen, kDeal, kConfirm };
const base::Bytes kText = base::to_bytes(base::as_bytes("signed by a key that nobody has"));

class KeygenTest : public testing::Test {
 protected:
  std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

// Changes one byte of what `who` broadcasts in `round`.
test::Lockstep::Hooks with_byte(Round round, PartyIndex who, std::size_t at) {
  return {[=](Round now, PartyIndex from, Outgoing& out) {
            if (now == round && from == who) out.broadcast.at(at) ^= 1;
          },
          {}};
}

void expect_fault(const test::LockstepResult& result, PartyIndex from, Round round, auto code) {
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, from);
  EXPECT_EQ(result.fault->round, round);
  EXPECT_TRUE(result.fault->error.is(code)) << result.what();
}

TEST_F(KeygenTest, AnySignersSignWithWhatEachKept) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 6; ++round) {
    const std::size_t holders = 2 + random_() % 9;
    const std::size_t threshold = 2 + random_() % (holders - 1);
    SCOPED_TRACE(std::to_string(threshold) + " of " + std::to_string(holders));
    const test::Key key = test::made_key(threshold, holders);
    EXPECT_EQ(key.group.threshold(), threshold);
    EXPECT_EQ(key.group.holders(), holders);
    for (const auto& [index, kept] : key.kept)
      EXPECT_EQ(KeyShare::decode(kept).value().index(), index);
    const std::size_t count = threshold + random_() % (holders - threshold + 1);
    const auto signers = test::some_of(holders, count, random_);
    const auto result = test::sign(key, signers, kText).run();
    ASSERT_EQ(result.what(), "ended well");
    EXPECT_TRUE(test::is_ed25519(result.outputs.front().result, key.group.public_key(), kText));
  }
}

TEST_F(KeygenTest, TheSecretIsTheSharesAndFewerSayNothing) {
  const test::Key key = test::made_key(3, 5);
  std::vector<base::sharing::Share> shares;
  for (const auto& [index, kept] : key.kept)
    shares.push_back({index, KeyShare::decode(kept).value().secret().clone()});
  const Scalar secret = base::sharing::recover(shares, 3).value();
  EXPECT_EQ(base::sharing::times_base<Curve>(secret).value(), key.group.public_key());
  const Scalar other = base::sharing::recover(shares, 2).value();
  EXPECT_NE(base::sharing::times_base<Curve>(other).value(), key.group.public_key());
}

TEST_F(KeygenTest, NoTwoRunsMakeTheSameKey) {
  EXPECT_NE(test::made_key(2, 2).group.public_key(), test::made_key(2, 2).group.public_key());
}

TEST_F(KeygenTest, WhoeverOpensSomethingElseIsNamed) {
  expect_fault(test::keygen(2, 3).run(with_byte(kCommit, 2, 5)), 2, kOpen, Errc::not_opened);
  expect_fault(test::keygen(2, 3).run(with_byte(kOpen, 3, 40)), 3, kOpen, Errc::not_opened);
}

// A party that has seen all of what others open has nothing left to choose.
TEST_F(KeygenTest, WhoeverOpensLastCannotChooseTheKey) {
  test::Lockstep::Hooks hooks;
  hooks.rush = [](Round round, session::test::Sent& sent) {
    if (round == kOpen) sent.at(1).broadcast = sent.at(2).broadcast;
  };
  expect_fault(test::keygen(2, 3).run(hooks), 1, kOpen, Errc::not_opened);
  // Nor can it answer with what another committed to.
  hooks.rush = [](Round round, session::test::Sent& sent) {
    if (round <= kOpen) sent.at(1).broadcast = sent.at(2).broadcast;
  };
  expect_fault(test::keygen(2, 3).run(hooks), 1, kOpen, Errc::not_opened);
}

TEST_F(KeygenTest, AWrongLetterNamesItsSender) {
  for (const PartyIndex to : {1u, 3u}) {
    test::Lockstep::Hooks hooks;
    hooks.tamper = [to](Round round, PartyIndex from, Outgoing& out) {
      if (round == kDeal && from == 2)
        out.letters.at(to).expose_mutable(base::SecretAccess{})[0] ^= 1;
    };
    const auto result = test::keygen(2, 3).run(hooks);
    expect_fault(result, 2, kDeal, base::sharing::Errc::wrong_share);
    EXPECT_TRUE(result.fault->is_letter);
  }
}

TEST_F(KeygenTest, ALetterForAnotherNamesItsSender) {
  test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round round, PartyIndex from, Outgoing& out) {
    if (round == kDeal && from == 2) std::swap(out.letters.at(1), out.letters.at(3));
  };
  expect_fault(test::keygen(2, 3).run(hooks), 2, kDeal, base::sharing::Errc::wrong_share);
}

TEST_F(KeygenTest, AMissingLetterNamesItsSender) {
  test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round round, PartyIndex from, Outgoing& out) {
    if (round == kDeal && from == 1) out.letters.at(2).wipe();
  };
  expect_fault(test::keygen(2, 3).run(hooks), 1, kDeal, Errc::wrong_size);
}

TEST_F(KeygenTest, WhoeverConfirmsAnotherGroupIsNamed) {
  expect_fault(test::keygen(2, 3).run(with_byte(kConfirm, 3, 0)), 3, kConfirm, Errc::not_confirmed);
}

TEST_F(KeygenTest, AllHoldersTakePart) {
  test::Run run = test::keygen(2, 3);
  run.taking_part = {1, 3};
  EXPECT_TRUE(run.start().error().is(Errc::wrong_parties));
}

TEST_F(KeygenTest, ItTakesNoInput) {
  const auto intake = test::take("frost-keygen/1", nlohmann::json::object(), 3, 2).value();
  EXPECT_TRUE(intake->feed(kText).error().is(Errc::unexpected_input));
  EXPECT_TRUE(intake->restore(base::SecretBytes::random(8)).error().is(Errc::unexpected_input));
}

TEST_F(KeygenTest, DescriptorsThatMakeNoKeyAreRefused) {
  EXPECT_TRUE(
      test::take("frost-keygen/1", nlohmann::json::object(), 3, 1).error().is(Errc::bad_threshold));
  EXPECT_TRUE(
      test::take("frost-keygen/1", nlohmann::json::object(), 3, 4).error().is(Errc::bad_threshold));
  EXPECT_FALSE(test::take("frost-keygen/1", {{"curve", "P-256"}}, 3, 2));
}

class ProofTest : public testing::Test {
 protected:
  base::SystemRandom random_;
  base::Sha256Digest roster_ = random_.make<base::Sha256Digest>();
  Scalar secret_ = Scalar::random();
  Element constant_ = base::sharing::times_base<Curve>(secret_).value();
  base::Bytes proof_ = prove(roster_, 2, secret_, constant_);
};

TEST_F(ProofTest, HoldsForItsMakerInItsRunAlone) {
  EXPECT_TRUE(check_proof(roster_, 2, constant_, proof_));
  EXPECT_TRUE(check_proof(roster_, 3, constant_, proof_).error().is(Errc::bad_proof));
  const auto other_run = random_.make<base::Sha256Digest>();
  EXPECT_TRUE(check_proof(other_run, 2, constant_, proof_).error().is(Errc::bad_proof));
  const Element other = base::sharing::times_base<Curve>(Scalar::random()).value();
  EXPECT_TRUE(check_proof(roster_, 2, other, proof_).error().is(Errc::bad_proof));
}

// A constant chosen against another's cannot be proved.
TEST_F(ProofTest, NobodyProvesWhatItDoesNotKnow) {
  EXPECT_FALSE(check_proof(roster_, 2, constant_, prove(roster_, 2, Scalar::random(), constant_)));
}

TEST_F(ProofTest, EveryFlippedByteIsRefused) {
  for (std::size_t at = 0; at < proof_.size(); ++at) {
    base::Bytes altered = proof_;
    altered[at] ^= 1;
    EXPECT_FALSE(check_proof(roster_, 2, constant_, altered)) << at;
  }
  EXPECT_FALSE(check_proof(roster_, 2, constant_, base::BytesView(proof_).first(63)));
}

}  // namespace
}  // namespace concordat::session::frost
