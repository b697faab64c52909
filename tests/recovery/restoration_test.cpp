// A custodian without its root collects shares: who is believed, who is blamed, and that nobody
// spoils what others contributed.
#include "keyservice/recovery/restoration.hpp"

#include "tests/recovery/recovery_fixture.hpp"

namespace concordat::keyservice::recovery {
namespace {

class RestorationTest : public testing::Test, protected RecoveryWorld {
 protected:
  // As the target, the signers and the holders do, up to where shares are collected.
  void begin(bool anew = false) {
    const auto request = restoration_.begin(challenge_, *policy_, test::kNow, anew).value();
    target_ =
        verify_target_document(claims_of(request), policy_->model(), policy_->digest(), test::kNow)
            .value();
    order_ = restore_order(set_, target_.key, target_.challenge);
  }
  Status start(const Bytes& envelope) {
    return restoration_.start(envelope, set_.encoded(), authority_.descriptor(), *policy_,
                              test::kNow);
  }
  void begin_and_start() {
    begin();
    const Bytes envelope = signed_by(order_);
    EXPECT_EQ(code_of(start(envelope)), "");
    ordered_ = verified<RestoreOrder>(envelope).value();
  }
  [[nodiscard]] ContributionOrder for_holders() const { return {*ordered_, set_, target_}; }
  [[nodiscard]] Bytes of(const std::string& holder) const {
    return encode(contribute(for_holders(), holders_.at(holder)).value());
  }
  // What `holder` seals in the name of `name`.
  [[nodiscard]] Bytes forged(const std::string& holder, const std::string& name,
                             const SecretBytes& share) const {
    return encode(
        detail::seal_contribution(for_holders(), holders_.at(holder), name, share).value());
  }
  std::string give(const Bytes& contribution, base::UnixMillis now = test::kNow) {
    const auto taken = restoration_.contribute(contribution, *policy_, now);
    if (!taken) return std::string(taken.error().name());
    if (*taken) restored_ = (*taken)->commitment();
    return *taken ? "restored" : "taken";
  }
  [[nodiscard]] HolderState state_of(const std::string& holder) const {
    for (const HolderState& state : restoration_.status().holders)
      if (state.name == holder) return state;
    return {};
  }

  RecoverySet set_ = make_set();
  Restoration restoration_;
  TargetEvidence target_;
  RestoreOrder order_;
  std::optional<SignedOrder<RestoreOrder>> ordered_;
  std::optional<RootCommitment> restored_;
};

TEST_F(RestorationTest, ThreeSharesRestoreTheRoot) {
  begin_and_start();
  EXPECT_EQ(give(of("ivan")), "taken");
  EXPECT_EQ(give(of("erin")), "taken");
  EXPECT_EQ(restoration_.status().phase, Phase::collecting);
  EXPECT_EQ(give(of("grace")), "restored");
  EXPECT_EQ(restored_, root_.commitment());
  // Key and shares are gone with it.
  EXPECT_EQ(restoration_.status().phase, Phase::idle);
  EXPECT_EQ(give(of("frank")), "restoring_not_begun");
}

TEST_F(RestorationTest, TheRestoredRootDerivesTheSameKeys) {
  begin_and_start();
  (void)give(of("ivan"));
  (void)give(of("erin"));
  const auto restored = restoration_.contribute(of("grace"), *policy_, test::kNow).value();
  EXPECT_EQ(restored->derive(KeyUse::secret, "payments/card", 1),
            root_.derive(KeyUse::secret, "payments/card", 1));
}

TEST_F(RestorationTest, AWrongShareIsItsHoldersAndTheOthersStand) {
  begin_and_start();
  EXPECT_EQ(give(of("erin")), "taken");
  EXPECT_EQ(give(forged("frank", "frank", SecretBytes::random(5))), "share_wrong");
  EXPECT_EQ(give(forged("frank", "frank", base::sharing::Scalar::random().bytes())), "share_wrong");
  EXPECT_EQ(restoration_.last_holder(), "frank");
  EXPECT_EQ(state_of("frank").refused, 2u);
  EXPECT_EQ(state_of("frank").last_refusal, "share_wrong");
  EXPECT_FALSE(state_of("frank").is_in);
  EXPECT_EQ(state_of("erin").refused, 0u);
  EXPECT_EQ(give(of("grace")), "taken");
  // Whoever sent a wrong one may still send the right one.
  EXPECT_EQ(give(of("frank")), "restored");
  EXPECT_EQ(restored_, root_.commitment());
}

TEST_F(RestorationTest, ARepeatedShareCountsOnce) {
  begin_and_start();
  const Bytes erins = of("erin");
  EXPECT_EQ(give(erins), "taken");
  EXPECT_EQ(give(erins), "share_repeated");
  EXPECT_EQ(give(of("erin")), "share_repeated");
  EXPECT_EQ(restoration_.last_holder(), "erin");
  EXPECT_EQ(state_of("erin").last_refusal, "share_repeated");
  EXPECT_TRUE(state_of("erin").is_in);
  EXPECT_EQ(give(of("frank")), "taken");
  EXPECT_EQ(give(of("grace")), "restored");
}

TEST_F(RestorationTest, NobodyIsBlamedForWhatOthersSeal) {
  begin_and_start();
  const auto share = set_.open_share(holders_.at("erin")).value();
  // Another holder in erin's name, with erin's own share even; and a byte of erin's own changed.
  EXPECT_EQ(give(forged("frank", "erin", share.value.bytes())), "contribution_not_authentic");
  for (Bytes altered = of("erin"); std::size_t at : {altered.size() - 1, altered.size() - 60}) {
    altered[at] ^= 1;
    EXPECT_EQ(give(altered), "contribution_not_authentic");
  }
  EXPECT_EQ(restoration_.last_holder(), "");
  EXPECT_EQ(state_of("erin").refused + state_of("frank").refused, 0u);
  EXPECT_EQ(restoration_.status().not_authentic, 3u);
  EXPECT_EQ(give(forged("erin", "mallory", share.value.bytes())), "not_a_holder");
  EXPECT_EQ(give(of("erin")), "taken");
}

TEST_F(RestorationTest, ASharePresentedByAnotherHolderAsItsOwnIsWrong) {
  begin_and_start();
  const auto share = set_.open_share(holders_.at("erin")).value();
  EXPECT_EQ(give(forged("frank", "frank", share.value.bytes())), "share_wrong");
}

TEST_F(RestorationTest, AContributionIsForOneOrderOfOneTarget) {
  begin_and_start();
  const Bytes for_the_first = of("erin");
  begin(true);
  EXPECT_EQ(code_of(start(signed_by(order_))), "");
  EXPECT_EQ(give(for_the_first), "contribution_not_for_this");
  const auto digest = verified<RestoreOrder>(signed_by(order_)).value().digest;
  Contribution parsed = parse_contribution(for_the_first).value();
  parsed.order = digest;
  EXPECT_EQ(give(encode(parsed)), "contribution_not_authentic");
}

TEST_F(RestorationTest, NoiseIsNoContribution) {
  begin_and_start();
  const Bytes good = of("erin");
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_EQ(give(base::to_bytes(BytesView(good).first(n))), "contribution_malformed") << n;
  EXPECT_EQ(give(Bytes(kMaxContribution + 1)), "contribution_malformed");
  EXPECT_EQ(give(good), "taken");
}

TEST_F(RestorationTest, StartsOnAnOrderOfTheThresholdForThisKeyAndSet) {
  EXPECT_EQ(code_of(start(signed_by(order_))), "restoring_not_begun");
  begin();
  EXPECT_EQ(give(Bytes()), "restoring_not_started");
  EXPECT_EQ(code_of(start(signed_by(order_, {1}))), "too_few_signatures");
  RestoreOrder other = order_;
  other.target.mutable_view()[0] ^= 1;
  EXPECT_EQ(code_of(start(signed_by(other))), "recovery_document_differs");
  other = order_;
  other.challenge.mutable_view()[0] ^= 1;
  EXPECT_EQ(code_of(start(signed_by(other))), "recovery_document_differs");
  other = order_;
  other.set_digest.mutable_view()[0] ^= 1;
  EXPECT_EQ(code_of(start(signed_by(other))), "recovery_set_differs");
  other = order_;
  other.generation = 2;
  EXPECT_EQ(code_of(start(signed_by(other))), "other_generation");
  other = order_;
  other.policy = policy_of(2)->digest();
  EXPECT_EQ(code_of(start(signed_by(other))), "order_other_policy");
  // Another set of the same id, which the signers did not see.
  const RecoverySet unseen = make_set();
  EXPECT_EQ(code_of(restoration_.start(signed_by(order_), unseen.encoded(), authority_.descriptor(),
                                       *policy_, test::kNow)),
            "recovery_set_differs");
  EXPECT_EQ(code_of(start(signed_by(order_))), "");
  // Again, by other signers even: one order.
  EXPECT_EQ(code_of(start(signed_by(order_, {1, 2}))), "");
  other = order_;
  other.not_after = other.not_after - std::chrono::minutes(1);
  EXPECT_EQ(code_of(start(signed_by(other))), "restoring_under_way");
}

TEST_F(RestorationTest, SharesThatAreInAreNotGivenUpByMistake) {
  begin_and_start();
  EXPECT_EQ(give(of("erin")), "taken");
  EXPECT_EQ(code_of(restoration_.begin(challenge_, *policy_, test::kNow, false)),
            "restoring_under_way");
  EXPECT_EQ(give(of("frank")), "taken");
  const Bytes graces = of("grace");
  begin(true);
  EXPECT_EQ(give(graces), "restoring_not_started");
}

TEST_F(RestorationTest, OrderAndKeyCountForATime) {
  begin_and_start();
  EXPECT_EQ(give(of("erin"), order_.not_after), "order_expired");
  EXPECT_EQ(give(of("erin"), test::kNow + kTargetLife), "recovery_key_expired");
  EXPECT_EQ(restoration_.status().phase, Phase::idle);
}

TEST_F(RestorationTest, AHolderWhomThePolicyNamesNoLongerRestoresNothing) {
  policy_ = policy_of(1, kThreshold, "ivan");
  begin_and_start();
  EXPECT_EQ(give(of("ivan")), "not_a_holder");
  EXPECT_EQ(give(of("erin")), "taken");
}

TEST_F(RestorationTest, ANewerPolicyEndsWhatTheOldOneOrdered) {
  begin_and_start();
  const Bytes erins = of("erin");
  policy_ = policy_of(2);
  EXPECT_EQ(give(erins), "order_other_policy");
}

TEST_F(RestorationTest, AnotherRootThanThePinnedOneIsNotRestored) {
  // A set of a root that somebody else made, ordered all the same.
  const Root other = Root::create(1, SecretBytes::random(kRootSize)).value();
  set_ = RecoverySet::make(other, *policy_, make_order()).value();
  begin_and_start();
  EXPECT_EQ(give(of("erin")), "taken");
  EXPECT_EQ(give(of("frank")), "taken");
  EXPECT_EQ(give(of("grace")), "wrong_root");
  EXPECT_EQ(restoration_.status().phase, Phase::idle);
}

TEST_F(RestorationTest, AHolderLooksBeforeItsShareLeaves) {
  begin_and_start();
  const PrivateKey& erin = holders_.at("erin");
  TargetEvidence other = target_;
  other.key = *policy::HolderKey::from(PrivateKey::generate().public_key().view());
  EXPECT_EQ(code_of(contribute({*ordered_, set_, other}, erin)), "recovery_document_differs");
  const RecoverySet unseen = make_set();
  EXPECT_EQ(code_of(contribute({*ordered_, unseen, target_}, erin)), "recovery_set_differs");
  EXPECT_EQ(code_of(contribute(for_holders(), PrivateKey::generate())), "not_a_holder");
}

}  // namespace
}  // namespace concordat::keyservice::recovery
