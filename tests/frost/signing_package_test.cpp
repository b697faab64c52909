#include "session/protocols/frost/signing_package.hpp"

#include "session/protocols/frost/errc.hpp"
#include "tests/frost/frost_fixture.hpp"

namespace concordat::session::frost {
namespace {

const base::Sha256Digest kUse = base::sha256({base::as_bytes("a test")});
const base::Bytes kWords = base::to_bytes(base::as_bytes("what is signed"));

// Nonces are used once or not at all.
static_assert(!std::is_copy_constructible_v<Nonces> && !std::is_copy_assignable_v<Nonces>);

struct Signers {
  Signers(const std::vector<KeyShare>& shares, const std::vector<Index>& who) {
    for (const Index index : who) {
      const auto [made, is_new] = nonces.emplace(index, Nonces::generate(shares[index - 1], kUse));
      commitments.emplace(index, made->second.commitment());
    }
  }
  std::map<Index, Nonces> nonces;
  CommitmentList commitments;
};

class SigningTest : public testing::Test {
 protected:
  std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

TEST_F(SigningTest, AnySignersAsManyAsTheThresholdSign) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 20; ++round) {
    const std::size_t holders = 2 + random_() % 9;
    const std::size_t threshold = 2 + random_() % (holders - 1);
    const auto shares = test::deal(threshold, holders);
    const GroupInfo& group = shares.front().group();
    const std::size_t count = threshold + random_() % (holders - threshold + 1);
    Signers signers(shares, test::some_of(holders, count, random_));
    const auto package = SigningPackage::create(group, signers.commitments, kWords).value();
    std::map<Index, Scalar> made;
    for (auto& [index, nonces] : signers.nonces) {
      made.emplace(index, package.sign(shares[index - 1], std::move(nonces)).value());
      EXPECT_TRUE(package.check(index, made.at(index)));
    }
    const auto signature = package.aggregate(made).value();
    EXPECT_TRUE(test::is_ed25519(signature.view(), group.public_key(), kWords))
        << threshold << " of " << holders;
  }
}

TEST_F(SigningTest, FewerThanTheThresholdDoNot) {
  const auto shares = test::deal(3, 4);
  const Signers two(shares, {1, 4});
  const auto package = SigningPackage::create(shares[0].group(), two.commitments, kWords);
  ASSERT_FALSE(package);
  EXPECT_TRUE(package.error().is(Errc::wrong_parties));
}

TEST_F(SigningTest, StrangersDoNot) {
  const auto shares = test::deal(2, 3);
  Signers signers(shares, {1, 2});
  const NonceCommitment any = signers.commitments.at(1);
  for (const Index stranger : {0u, 4u}) {
    CommitmentList list = signers.commitments;
    list.emplace(stranger, any);
    EXPECT_FALSE(SigningPackage::create(shares[0].group(), list, kWords)) << stranger;
  }
}

TEST_F(SigningTest, NoncesAreSpentByTheFirstShare) {
  const auto shares = test::deal(2, 2);
  Signers signers(shares, {1, 2});
  const auto package = SigningPackage::create(shares[0].group(), signers.commitments, kWords);
  const auto other = SigningPackage::create(shares[0].group(), signers.commitments,
                                            base::to_bytes(base::as_bytes("something else")));
  Nonces& nonces = signers.nonces.at(1);
  EXPECT_FALSE(nonces.spent());
  ASSERT_TRUE(package->sign(shares[0], std::move(nonces)));
  EXPECT_TRUE(nonces.spent());
  const auto again = other->sign(shares[0], std::move(nonces));
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().is(Errc::nonces_spent));
}

// RFC 9591 section 5.2: the signer's own commitment must be in the list, as it made it.
TEST_F(SigningTest, NoncesOfOtherCommitmentsSignNothing) {
  const auto shares = test::deal(2, 2);
  const Signers listed(shares, {1, 2});
  Signers others(shares, {1});
  const auto package =
      SigningPackage::create(shares[0].group(), listed.commitments, kWords).value();
  const auto made = package.sign(shares[0], std::move(others.nonces.at(1)));
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(Errc::wrong_parties));
}

TEST_F(SigningTest, AShareOfAnotherKeySignsNothing) {
  const auto shares = test::deal(2, 2), others = test::deal(2, 2);
  Signers signers(shares, {1, 2});
  const auto package =
      SigningPackage::create(shares[0].group(), signers.commitments, kWords).value();
  EXPECT_FALSE(package.sign(others[0], std::move(signers.nonces.at(1))));
}

TEST_F(SigningTest, AWrongSignatureShareIsItsSigners) {
  const auto shares = test::deal(2, 3);
  Signers signers(shares, {1, 3});
  const auto package =
      SigningPackage::create(shares[0].group(), signers.commitments, kWords).value();
  std::map<Index, Scalar> made;
  for (auto& [index, nonces] : signers.nonces)
    made.emplace(index, package.sign(shares[index - 1], std::move(nonces)).value());
  EXPECT_FALSE(package.check(1, made.at(3)));
  EXPECT_FALSE(package.check(2, made.at(1)));
  made.at(3) += Scalar::from_number(1);
  EXPECT_TRUE(package.check(1, made.at(1)));
  const auto wrong = package.check(3, made.at(3));
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().is(Errc::bad_signature_share));
  EXPECT_EQ(wrong.error().detail(), "of holder 3");
  const auto signature = package.aggregate(made);
  ASSERT_FALSE(signature);
  EXPECT_TRUE(signature.error().is(Errc::signature_invalid));
}

TEST(NonceTest, NoTwoAreAlike) {
  const auto shares = test::deal(2, 2);
  const Nonces a = Nonces::generate(shares[0], kUse), b = Nonces::generate(shares[0], kUse);
  EXPECT_NE(a.commitment().hiding, b.commitment().hiding);
  EXPECT_NE(a.commitment().binding, b.commitment().binding);
  EXPECT_NE(a.commitment().hiding, a.commitment().binding);
}

// A generator of the system that has stopped making anything new.
class StuckGenerator {
 public:
  StuckGenerator() { randombytes_set_implementation(&stuck_); }
  StuckGenerator(const StuckGenerator&) = delete;
  StuckGenerator& operator=(const StuckGenerator&) = delete;
  ~StuckGenerator() { randombytes_set_implementation(&randombytes_sysrandom_implementation); }

 private:
  static void fill(void* to, std::size_t size) { std::memset(to, 5, size); }
  inline static randombytes_implementation stuck_{
      [] { return "stuck"; }, [] { return 5u; }, nullptr, nullptr, fill, nullptr};
};

TEST(NonceTest, AGeneratorThatRepeatsItselfRepeatsNoNonceElsewhere) {
  const auto shares = test::deal(2, 2);
  const base::Sha256Digest other = base::sha256({base::as_bytes("another message")});
  const StuckGenerator stuck;
  const NonceCommitment made = Nonces::generate(shares[0], kUse).commitment();
  ASSERT_EQ(Nonces::generate(shares[0], kUse).commitment(), made);
  EXPECT_NE(made.hiding, made.binding);
  for (const NonceCommitment& elsewhere : {Nonces::generate(shares[0], other).commitment(),
                                           Nonces::generate(shares[1], kUse).commitment()}) {
    EXPECT_NE(elsewhere.hiding, made.hiding);
    EXPECT_NE(elsewhere.binding, made.binding);
  }
}

TEST(NonceTest, CommitmentsAreReadAsTheyWereWritten) {
  const Nonces nonces = Nonces::generate(test::deal(2, 2)[0], kUse);
  base::Bytes encoded = nonces.commitment().encoded();
  EXPECT_EQ(NonceCommitment::decode(encoded).value(), nonces.commitment());
  EXPECT_FALSE(NonceCommitment::decode(base::BytesView(encoded).first(63)));
  std::fill_n(encoded.begin() + 32, 32, std::uint8_t{0});
  encoded[32] = 1;
  EXPECT_TRUE(NonceCommitment::decode(encoded).error().is(Errc::not_an_element));
}

}  // namespace
}  // namespace concordat::session::frost
