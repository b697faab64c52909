// Sets of recovery shares: what is in them, who can open it, and what their makers attest to.
#include "tests/recovery/recovery_fixture.hpp"

namespace concordat::keyservice::recovery {
namespace {

class SetTest : public testing::Test, protected RecoveryWorld {
 protected:
  RecoverySet set_ = make_set();

  [[nodiscard]] std::vector<base::sharing::Share> shares(
      const std::vector<std::string>& holders) const {
    std::vector<base::sharing::Share> out;
    for (const std::string& holder : holders)
      out.push_back(set_.open_share(holders_.at(holder)).value());
    return out;
  }
};

TEST_F(SetTest, SaysWhatWasOrdered) {
  EXPECT_EQ(set_.id(), make_order().set);
  EXPECT_EQ(set_.realm(), test::kRealm);
  EXPECT_EQ(set_.generation(), 1u);
  EXPECT_EQ(set_.policy_digest(), policy_->digest());
  EXPECT_EQ(set_.threshold(), kThreshold);
  EXPECT_EQ(set_.holders().size(), holders_.size());
  EXPECT_EQ(set_.index_of("erin"), 1u);
  EXPECT_EQ(set_.index_of("ivan"), 5u);
  EXPECT_EQ(set_.index_of("mallory"), 0u);
  EXPECT_FALSE(set_.replaces());
}

TEST_F(SetTest, AnyThreeHoldersOpenTheRootAndTwoDoNot) {
  const auto secret = base::sharing::recover(shares({"grace", "erin", "ivan"}), kThreshold).value();
  EXPECT_EQ(set_.open_root(secret).value().commitment(), root_.commitment());
  const auto other =
      base::sharing::recover(shares({"frank", "heidi", "grace"}), kThreshold).value();
  EXPECT_EQ(other, secret);
  const auto few = base::sharing::recover(shares({"erin", "ivan"}), 2).value();
  EXPECT_EQ(code_of(set_.open_root(few)), "recovery_set_does_not_open");
}

TEST_F(SetTest, AShareOpensForItsHolderAlone) {
  EXPECT_EQ(set_.open_share(holders_.at("frank")).value().index, 2u);
  EXPECT_EQ(code_of(set_.open_share(PrivateKey::generate())), "not_a_holder");
}

TEST_F(SetTest, IsReadAsItWasWritten) {
  const RecoverySet read = RecoverySet::parse(set_.encoded()).value();
  EXPECT_EQ(read.encoded(), set_.encoded());
  EXPECT_EQ(read.digest(), set_.digest());
  EXPECT_TRUE(read.open_share(holders_.at("erin")));
  MakeOrder order = make_order();
  order.replaces = RecoverySetId::from(Bytes(16, 0x44)).value();
  const auto replacing = RecoverySet::make(root_, *policy_, order).value();
  EXPECT_EQ(RecoverySet::parse(replacing.encoded()).value().replaces(), order.replaces);
}

TEST_F(SetTest, EveryTruncationIsRefused) {
  for (std::size_t n = 0; n < set_.encoded().size(); ++n)
    EXPECT_EQ(code_of(RecoverySet::parse(BytesView(set_.encoded()).first(n))),
              "recovery_set_malformed")
        << n;
}

// Whatever byte changes: it is no set any more, or its digest is another one and nothing opens that
// the change reaches.
TEST_F(SetTest, EveryFlippedByteIsFoundOut) {
  const auto secret =
      base::sharing::recover(shares({"erin", "frank", "grace"}), kThreshold).value();
  for (std::size_t at = 0; at < set_.encoded().size(); ++at) {
    Bytes altered = set_.encoded();
    altered[at] ^= 1;
    const auto read = RecoverySet::parse(altered);
    if (!read) continue;
    EXPECT_NE(read->digest(), set_.digest());
    const bool all_open =
        read->open_root(secret) && read->open_share(holders_.at("erin")) &&
        read->open_share(holders_.at("frank")) && read->open_share(holders_.at("grace")) &&
        read->open_share(holders_.at("heidi")) && read->open_share(holders_.at("ivan"));
    EXPECT_FALSE(all_open) << at;
  }
}

TEST_F(SetTest, IsMadeOfTheOrderedGenerationForHoldersAlone) {
  MakeOrder order = make_order();
  order.generation = 2;
  EXPECT_EQ(code_of(RecoverySet::make(root_, *policy_, order)), "other_generation");
  const auto nobody = test::signed_policy(authority_, test::sample_policy(authority_.descriptor()));
  EXPECT_EQ(code_of(RecoverySet::make(root_, *nobody, make_order())), "no_recovery_holders");
}

TEST_F(SetTest, HoldersOutOfOrderAreNoSet) {
  const std::string encoded(base::as_text(set_.encoded()));
  std::string swapped = test::replaced(encoded, "erin", "zrin");
  EXPECT_EQ(code_of(RecoverySet::parse(base::as_bytes(swapped))), "recovery_set_malformed");
}

TEST_F(SetTest, ItsMakerAttestsToItForThisOrder) {
  const auto ordered = verified<MakeOrder>(signed_by(make_order())).value();
  const auto request = set_document(ordered, set_);
  const auto evidence =
      verify_set_document(claims_of(request), policy_->model(), ordered, set_).value();
  EXPECT_EQ(evidence.role, "custodian");
  EXPECT_EQ(evidence.image, "custodian-1");
  // Of another image, for another set, another order, another challenge, another purpose.
  EXPECT_EQ(code_of(verify_set_document(claims_of(request, "payments-1"), policy_->model(), ordered,
                                        set_)),
            "not_a_custodian");
  EXPECT_EQ(code_of(verify_set_document(claims_of(request), policy_->model(), ordered, make_set())),
            "recovery_document_differs");
  MakeOrder later = make_order();
  later.not_after = later.not_after + std::chrono::hours(1);
  const auto other = verified<MakeOrder>(signed_by(later)).value();
  EXPECT_EQ(code_of(verify_set_document(claims_of(request), policy_->model(), other, set_)),
            "recovery_document_differs");
  attest::MintRequest challenged = request;
  challenged.nonce->at(0) ^= 1;
  EXPECT_EQ(code_of(verify_set_document(claims_of(challenged), policy_->model(), ordered, set_)),
            "recovery_document_differs");
  const auto target =
      target_document(challenge_, policy_->digest(), holders_.at("erin").public_key());
  EXPECT_EQ(code_of(verify_set_document(claims_of(target), policy_->model(), ordered, set_)),
            "other_purpose");
}

TEST_F(SetTest, ATargetsDocumentCountsForItsKeyItsPolicyAndItsTime) {
  const PrivateKey key = PrivateKey::generate();
  const auto claims = claims_of(target_document(challenge_, policy_->digest(), key.public_key()));
  const auto verify = [&](base::UnixMillis now) {
    return verify_target_document(claims, policy_->model(), policy_->digest(), now);
  };
  const auto evidence = verify(test::kNow).value();
  EXPECT_TRUE(base::equal(evidence.key.view(), key.public_key().view()));
  EXPECT_EQ(evidence.challenge, challenge_);
  EXPECT_TRUE(verify(test::kNow + kTargetLife - std::chrono::milliseconds(1)));
  EXPECT_EQ(code_of(verify(test::kNow + kTargetLife)), "recovery_document_too_old");
  EXPECT_EQ(code_of(verify(test::kNow - std::chrono::minutes(1))), "recovery_document_too_old");
  EXPECT_EQ(
      code_of(verify_target_document(claims, policy_->model(), policy::PolicyDigest(), test::kNow)),
      "recovery_document_differs");
  const auto worker =
      claims_of(target_document(challenge_, policy_->digest(), key.public_key()), "payments-1");
  EXPECT_EQ(
      code_of(verify_target_document(worker, policy_->model(), policy_->digest(), test::kNow)),
      "not_a_custodian");
}

TEST_F(SetTest, APackageIsReadAsItWasWritten) {
  const Bytes encoded = encode(Package{set_.encoded(), Bytes(5000, 7)});
  const Package read = parse_package(encoded).value();
  EXPECT_EQ(read.set, set_.encoded());
  EXPECT_EQ(read.document, Bytes(5000, 7));
  for (std::size_t n = 0; n < encoded.size(); n += 17)
    EXPECT_EQ(code_of(parse_package(BytesView(encoded).first(n))), "recovery_set_malformed");
}

}  // namespace
}  // namespace concordat::keyservice::recovery
