#include "session/protocols/frost/preprocessing.hpp"

#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/signing.hpp"
#include "tests/frost/session_fixture.hpp"

namespace concordat::session::frost {
namespace {

constexpr std::size_t kHolders = 3;
constexpr std::size_t kCount = 4;
const base::Bytes kBill = base::to_bytes(base::as_bytes("a bill"));

// Nonces are never encoded, and no two hold the same.
static_assert(!std::is_copy_constructible_v<Prepared>);
static_assert(!std::is_copy_constructible_v<NonceStore>);

// Three holders of 2-of-3 who made nonces for kCount signatures.
class PreprocessingTest : public testing::Test {
 protected:
  PreprocessingTest() {
    for (KeyShare& share : test::deal(2, kHolders))
      shares_.push_back(std::make_shared<KeyShare>(std::move(share)));
    batch_ = preprocess(7).value();
  }
  base::Result<BatchId> preprocess(std::uint8_t tag,
                                   const session::test::Lockstep::Hooks& hooks = {}) {
    std::vector<std::unique_ptr<Protocol>> protocols;
    for (const Seat& seat : session::test::seats(kHolders, 2, tag)) {
      CONCORDAT_TRY(auto protocol,
                    Preprocessing::begin(seat, by_place(seat.parties), *shares_[seat.self - 1],
                                         kCount, stores_[seat.self - 1]));
      protocols.push_back(std::move(protocol));
    }
    const auto result = session::test::Lockstep({1, 2, 3}, std::move(protocols)).run(hooks);
    if (result.fault) {
      faulty_ = result.fault->from;
      return result.fault->error;
    }
    EXPECT_TRUE(result.outputs[0].kept.empty());
    return BatchId::from(result.outputs[0].result);
  }
  base::Result<std::unique_ptr<Protocol>> begin(PartyIndex self,
                                                const std::vector<PartyIndex>& signers,
                                                std::size_t position) {
    CONCORDAT_TRY(Prepared prepared, stores_[self - 1].take(batch_, position));
    const Seat seat{self, signers, 2, {}};
    return Signing::begin(seat, by_place(signers), shares_[self - 1], kBill, std::move(prepared));
  }
  session::test::LockstepResult sign(const std::vector<PartyIndex>& signers, std::size_t position,
                                     const session::test::Lockstep::Hooks& hooks = {}) {
    std::vector<std::unique_ptr<Protocol>> protocols;
    for (const PartyIndex self : signers)
      protocols.push_back(begin(self, signers, position).value());
    EXPECT_EQ(protocols.front()->rounds(), 1u);
    return session::test::Lockstep(signers, std::move(protocols)).run(hooks);
  }

  std::vector<std::shared_ptr<const KeyShare>> shares_;
  std::array<NonceStore, kHolders> stores_;
  BatchId batch_;
  PartyIndex faulty_ = 0;
};

TEST_F(PreprocessingTest, OneRoundSigns) {
  std::size_t position = 0;
  for (const std::vector<PartyIndex>& signers :
       {std::vector<PartyIndex>{1, 2}, {1, 3}, {2, 3}, {1, 2, 3}}) {
    const auto result = sign(signers, position++);
    ASSERT_EQ(result.what(), "ended well");
    EXPECT_TRUE(
        test::is_ed25519(result.outputs[0].result, shares_[0]->group().public_key(), kBill));
  }
}

TEST_F(PreprocessingTest, NoncesAreTakenOnce) {
  NonceStore& store = stores_[0];
  EXPECT_EQ(store.left(batch_), kCount);
  ASSERT_TRUE(store.take(batch_, 2));
  EXPECT_EQ(store.left(batch_), kCount - 1);
  EXPECT_TRUE(store.take(batch_, 2).error().is(Errc::no_nonces));
  EXPECT_TRUE(store.take(batch_, kCount).error().is(Errc::no_nonces));
  EXPECT_TRUE(store.take(BatchId(), 0).error().is(Errc::no_nonces));
  for (const std::size_t position : {0, 1, 3})
    EXPECT_TRUE(store.take(batch_, position));
  EXPECT_EQ(store.left(batch_), 0u);
  EXPECT_TRUE(store.take(batch_, 0).error().is(Errc::no_nonces));
}

// Whoever does not begin has used them up all the same.
TEST_F(PreprocessingTest, NoncesOfARunThatDidNotBeginAreGone) {
  ASSERT_FALSE(begin(1, {1}, 0));
  EXPECT_TRUE(begin(1, {1, 2}, 0).error().is(Errc::no_nonces));
}

TEST_F(PreprocessingTest, WhatIsForgottenIsGone) {
  stores_[0].forget(batch_);
  EXPECT_EQ(stores_[0].left(batch_), 0u);
  EXPECT_TRUE(begin(1, {1, 2}, 0).error().is(Errc::no_nonces));
}

TEST_F(PreprocessingTest, EachRunIsABatchOfItsOwn) {
  const BatchId other = preprocess(8).value();
  EXPECT_NE(other, batch_);
  EXPECT_NE(stores_[0].take(batch_, 0)->nonces.commitment(),
            stores_[0].take(other, 0)->nonces.commitment());
}

TEST_F(PreprocessingTest, AWrongShareNamesItsSender) {
  session::test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round, PartyIndex from, Outgoing& out) {
    if (from == 3) out.broadcast[0] ^= 1;
  };
  const auto result = sign({1, 3}, 0, hooks);
  ASSERT_TRUE(result.fault) << result.what();
  EXPECT_EQ(result.fault->from, 3u);
  EXPECT_TRUE(result.fault->error.is(Errc::bad_signature_share));
}

TEST_F(PreprocessingTest, CommitmentsThatAreNoneNameTheirSender) {
  session::test::Lockstep::Hooks hooks;
  hooks.tamper = [](Round, PartyIndex from, Outgoing& out) {
    if (from == 2) std::fill(out.broadcast.end() - 32, out.broadcast.end(), std::uint8_t{0});
  };
  EXPECT_TRUE(preprocess(9, hooks).error().is(Errc::not_an_element));
  EXPECT_EQ(faulty_, 2u);
  hooks.tamper = [](Round, PartyIndex from, Outgoing& out) {
    if (from == 1) out.broadcast.pop_back();
  };
  EXPECT_TRUE(preprocess(9, hooks).error().is(Errc::wrong_size));
  EXPECT_EQ(faulty_, 1u);
}

TEST_F(PreprocessingTest, OnlyHoldersPreprocess) {
  const Seat seat = session::test::seats(kHolders, 2)[0];
  NonceStore store;
  const auto begin_with = [&](PartyIndex of, const Indices& indices, std::size_t count) {
    return Preprocessing::begin(seat, indices, *shares_[of - 1], count, store).has_value();
  };
  EXPECT_TRUE(begin_with(1, by_place(seat.parties), 1));
  EXPECT_FALSE(begin_with(2, by_place(seat.parties), 1));
  EXPECT_FALSE(begin_with(1, {{1, 1}, {2, 2}}, 1));
  EXPECT_FALSE(begin_with(1, {{1, 1}, {2, 2}, {3, 4}}, 1));
  EXPECT_FALSE(begin_with(1, by_place(seat.parties), 0));
  EXPECT_FALSE(begin_with(1, by_place(seat.parties), kMaxBatch + 1));
}

// Three holders of 2-of-3 whose processes live on from session to session.
class PreprocessedSessions : public testing::Test {
 protected:
  test::Run preprocess(std::size_t count = 2) {
    test::Run out = test::sign(key_, test::all_of(3), kBill);
    out.name = "frost-preprocess/1";
    out.parameters.erase("message");
    out.parameters["count"] = count;
    out.memories = &memories_;
    return out;
  }
  test::Run sign(const std::vector<PartyIndex>& signers, std::size_t position) {
    test::Run out = test::sign(key_, signers, kBill);
    out.parameters["nonces"] = {{"batch", batch_}, {"position", position}};
    out.memories = &memories_;
    return out;
  }
  void SetUp() override {
    const auto result = preprocess().run();
    ASSERT_EQ(result.what(), "ended well");
    EXPECT_TRUE(result.outputs[0].kept.empty()) << "nonces are never sealed";
    batch_ = base::to_hex(result.outputs[0].result);
  }

  test::Key key_ = test::made_key(2, 3);
  std::map<PartyIndex, ProcessMemory> memories_;
  std::string batch_;
};

TEST_F(PreprocessedSessions, SignInOneRoundByDescriptor) {
  std::size_t rounds = 0;
  const auto result =
      sign({1, 3}, 0).run({[&](Round round, PartyIndex, Outgoing&) { rounds = round; }, {}});
  ASSERT_EQ(result.what(), "ended well");
  EXPECT_EQ(rounds, 1u);
  EXPECT_TRUE(test::is_ed25519(result.outputs[0].result, key_.group.public_key(), kBill));
  EXPECT_EQ(sign({1, 2, 3}, 1).run().what(), "ended well") << "by any others at the next one";
}

TEST_F(PreprocessedSessions, APositionIsSpentByTheFirstRunThatBeginsWithIt) {
  // One that ends before its share has left anywhere.
  ASSERT_TRUE(sign({1, 2}, 0).start());
  EXPECT_TRUE(sign({1, 2}, 0).start().error().is(Errc::no_nonces));
  EXPECT_TRUE(sign({1, 3}, 0).start().error().is(Errc::no_nonces));
  EXPECT_TRUE(sign({1, 2}, 1).start());
  EXPECT_TRUE(sign({1, 2}, 2).start().error().is(Errc::no_nonces)) << "never made";
}

TEST_F(PreprocessedSessions, AreOfOneProcessAlone) {
  memories_.clear();
  EXPECT_TRUE(sign({1, 2}, 0).start().error().is(Errc::no_nonces));
  test::Run without = preprocess();
  without.memories = nullptr;
  EXPECT_TRUE(without.start().error().is(Errc::no_nonces));
}

TEST_F(PreprocessedSessions, TheLatestBatchesAreKept) {
  for (std::size_t i = 1; i < kMaxBatches; ++i)
    ASSERT_EQ(preprocess(1).run().what(), "ended well");
  ASSERT_TRUE(sign({1, 2}, 0).start());
  ASSERT_EQ(preprocess(1).run().what(), "ended well");
  EXPECT_TRUE(sign({1, 2}, 1).start().error().is(Errc::no_nonces));
}

TEST_F(PreprocessedSessions, TheirParametersAreStrict) {
  const auto taken = [](const test::Run& run) {
    return test::take(run.name, run.parameters, run.parties, run.threshold).has_value();
  };
  EXPECT_TRUE(taken(sign({1, 2}, kMaxBatch - 1)));
  EXPECT_FALSE(taken(sign({1, 2}, kMaxBatch)));
  EXPECT_TRUE(taken(preprocess(kMaxBatch)));
  EXPECT_FALSE(taken(preprocess(0)));
  EXPECT_FALSE(taken(preprocess(kMaxBatch + 1)));
  for (const char* nonces :
       {R"({})", R"({"batch":"00","position":0})", R"("x")", R"({"position":0})"}) {
    test::Run run = sign({1, 2}, 0);
    run.parameters["nonces"] = nlohmann::json::parse(nonces);
    EXPECT_FALSE(taken(run)) << nonces;
  }
  test::Run more = sign({1, 2}, 0);
  more.parameters["nonces"]["more"] = 1;
  EXPECT_FALSE(taken(more));
}

}  // namespace
}  // namespace concordat::session::frost
