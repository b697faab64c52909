// What a custodian does about recovery when an operator asks: sets from its root on signed orders,
// and shares when it has none.
#include "keyservice/recovery/desk.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/recovery/status.hpp"
#include "tests/recovery/recovery_fixture.hpp"
#include "tests/support/memory_store.hpp"

namespace concordat::keyservice::recovery {
namespace {

class DeskTest : public testing::Test, protected RecoveryWorld {
 protected:
  void hold_root() { custody_.take(Root::from_prk(1, root_.prk()).value(), test::kRealm); }
  template <class Request>
  base::Result<Bytes> ask(const Request& request) {
    std::optional<base::Result<Bytes>> answer;
    desk_.serve(request, {policy_, test::kNow, "dana"},
                [&](base::Result<Bytes> item) { answer.emplace(std::move(item)); });
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(base::Error(keyservice::Errc::timed_out));
  }
  static Bytes bytes_in(const base::Result<Bytes>& item) {
    base::cbor::Reader reader(item.value());
    return base::to_bytes(reader.read_bytes(kMaxPackage).value());
  }
  [[nodiscard]] ShownStatus status() {
    return decode_status(ask(RestoringStatusRequest{}).value()).value();
  }

  test::MemoryStore::Shared shared_;
  test::MemoryStore store_{shared_};
  base::SystemRandom random_;
  Custody custody_{store_, random_};
  int minted_ = 0;
  bool mint_fails_ = false;
  Status take_ = {};
  std::vector<std::string> told_;
  Desk desk_{custody_,
             authority_.descriptor(),
             {[this](const attest::MintRequest& request, const DeskWays::Minted& done) -> Status {
                ++minted_;
                if (mint_fails_) return base::Error(keyservice::Errc::overloaded);
                done(lab_.document(custodian(), &authority_.descriptor(), request));
                return {};
              },
              [this](Root root) {
                if (take_) custody_.take(std::move(root), test::kRealm);
                return take_;
              },
              [this](const DeskEvent& event) {
                told_.push_back(std::string(event.name) + " " + event.holder + " " +
                                code_of(event.outcome));
              }}};
};

TEST_F(DeskTest, MakesASetOfItsRootOnASignedOrder) {
  EXPECT_EQ(code_of(ask(MakeRecoverySetRequest{signed_by(make_order())})), "not_ready");
  hold_root();
  EXPECT_EQ(code_of(ask(MakeRecoverySetRequest{signed_by(make_order(), {1})})),
            "too_few_signatures");
  const auto package =
      parse_package(bytes_in(ask(MakeRecoverySetRequest{signed_by(make_order())}))).value();
  const RecoverySet set = RecoverySet::parse(package.set).value();
  const auto ordered = verified<MakeOrder>(signed_by(make_order())).value();
  EXPECT_TRUE(verify_set_document(lab_.verified(package.document), policy_->model(), ordered, set));
  std::vector<base::sharing::Share> shares;
  for (const char* holder : {"erin", "heidi", "ivan"})
    shares.push_back(set.open_share(holders_.at(holder)).value());
  const auto secret = base::sharing::recover(shares, kThreshold).value();
  EXPECT_EQ(set.open_root(secret).value().commitment(), root_.commitment());
  EXPECT_EQ(told_, std::vector<std::string>{"recovery_set_made  "});
}

TEST_F(DeskTest, ARepeatedOrderMakesNoSecondSet) {
  hold_root();
  const Bytes first = bytes_in(ask(MakeRecoverySetRequest{signed_by(make_order())}));
  EXPECT_EQ(bytes_in(ask(MakeRecoverySetRequest{signed_by(make_order(), {2, 1})})), first);
  EXPECT_EQ(minted_, 1);
}

TEST_F(DeskTest, ADocumentThatIsNotToBeHadIsSaid) {
  hold_root();
  mint_fails_ = true;
  EXPECT_EQ(code_of(ask(MakeRecoverySetRequest{signed_by(make_order())})), "overloaded");
  mint_fails_ = false;
  EXPECT_TRUE(ask(MakeRecoverySetRequest{signed_by(make_order())}));
}

TEST_F(DeskTest, ARootThatThePolicyPinsNoLongerIsNotShared) {
  custody_.take(Root::create(1, SecretBytes::random(kRootSize)).value(), test::kRealm);
  EXPECT_EQ(code_of(ask(MakeRecoverySetRequest{signed_by(make_order())})), "wrong_root");
}

class RestoringDesk : public DeskTest {
 protected:
  RestoringDesk() {
    const Bytes document =
        bytes_in(ask(AttestRestoringRequest{base::to_bytes(challenge_.view()), false}));
    target_ = verify_target_document(lab_.verified(document), policy_->model(), policy_->digest(),
                                     test::kNow)
                  .value();
    envelope_ = signed_by(restore_order(set_, target_.key, target_.challenge));
    order_ = verified<RestoreOrder>(envelope_).value();
  }
  base::Result<Bytes> give(const std::string& holder) {
    const auto made = contribute({*order_, set_, target_}, holders_.at(holder)).value();
    return ask(ContributeShareRequest{encode(made)});
  }
  RecoverySet set_ = make_set();
  TargetEvidence target_;
  Bytes envelope_;
  std::optional<SignedOrder<RestoreOrder>> order_;
};

TEST_F(RestoringDesk, RestoresAndTellsWhoseSharesCame) {
  EXPECT_EQ(status().phase, Phase::attested);
  EXPECT_EQ(code_of(give("erin")), "restoring_not_started");
  EXPECT_TRUE(ask(StartRestoringRequest{envelope_, set_.encoded()}));
  EXPECT_TRUE(ask(StartRestoringRequest{envelope_, set_.encoded()}));
  EXPECT_TRUE(give("erin"));
  EXPECT_EQ(code_of(give("erin")), "share_repeated");
  EXPECT_TRUE(give("frank"));
  EXPECT_EQ(status().threshold, kThreshold);
  EXPECT_EQ(status().order->set, set_.id());
  EXPECT_EQ(status().target, target_.key);
  EXPECT_FALSE(custody_.has_root());
  EXPECT_TRUE(decode_status(give("grace").value()).value().has_root);
  EXPECT_EQ(custody_.root().commitment(), root_.commitment());
  EXPECT_EQ(status().phase, Phase::idle);
  const std::vector<std::string> told{"recovery_attested  ",
                                      "recovery_share_refused  restoring_not_started",
                                      "recovery_started  ",
                                      "recovery_share_taken erin ",
                                      "recovery_share_refused erin share_repeated",
                                      "recovery_share_taken frank ",
                                      "recovery_share_taken grace ",
                                      "root_restored  "};
  EXPECT_EQ(told_, told);
}

// Of each a set of its own: the first that is back does not end the second's restoring.
TEST_F(DeskTest, RestoresTwoGenerationsOneAfterTheOther) {
  const Root second = Root::create(2, SecretBytes::random(kRootSize)).value();
  further_ = R"(, {"generation": 2, "state": "read_only", "commitment": ")" +
             second.commitment().hex() + "\"}";
  policy_ = policy_of();
  MakeOrder order = make_order();
  order.generation = 2;
  const auto restore = [&](const RecoverySet& set) {
    const Bytes document =
        bytes_in(ask(AttestRestoringRequest{Bytes(policy::RecoveryChallenge::kSize, 5), false}));
    const TargetEvidence target = verify_target_document(lab_.verified(document), policy_->model(),
                                                         policy_->digest(), test::kNow)
                                      .value();
    const Bytes envelope = signed_by(restore_order(set, target.key, target.challenge));
    const auto signed_order = verified<RestoreOrder>(envelope).value();
    EXPECT_TRUE(ask(StartRestoringRequest{envelope, set.encoded()}));
    for (const char* holder : {"erin", "heidi", "ivan"}) {
      const auto made = contribute({signed_order, set, target}, holders_.at(holder)).value();
      EXPECT_TRUE(ask(ContributeShareRequest{encode(made)})) << holder;
    }
  };
  restore(make_set());
  EXPECT_NE(custody_.root(1), nullptr);
  EXPECT_FALSE(status().has_root);
  restore(RecoverySet::make(second, *policy_, order).value());
  ASSERT_NE(custody_.root(2), nullptr);
  EXPECT_EQ(custody_.root(2)->commitment(), second.commitment());
  EXPECT_TRUE(status().has_root);
}

TEST_F(RestoringDesk, NothingIsCollectedUnderARoot) {
  EXPECT_TRUE(ask(StartRestoringRequest{envelope_, set_.encoded()}));
  EXPECT_TRUE(give("erin"));
  hold_root();
  desk_.root_is_here(*policy_);
  EXPECT_EQ(code_of(give("frank")), "has_root");
  EXPECT_EQ(code_of(ask(AttestRestoringRequest{base::to_bytes(challenge_.view()), true})),
            "has_root");
  EXPECT_EQ(code_of(ask(StartRestoringRequest{envelope_, set_.encoded()})), "has_root");
  EXPECT_TRUE(status().has_root);
  EXPECT_EQ(status().phase, Phase::idle);
}

TEST_F(DeskTest, AKeyThatWasNotAttestedToStandsInNobodysWay) {
  mint_fails_ = true;
  const AttestRestoringRequest request{base::to_bytes(challenge_.view()), false};
  EXPECT_EQ(code_of(ask(request)), "overloaded");
  mint_fails_ = false;
  EXPECT_TRUE(ask(request));
  EXPECT_EQ(code_of(ask(request)), "restoring_under_way");
  EXPECT_TRUE(ask(AttestRestoringRequest{request.challenge, true}));
}

TEST_F(RestoringDesk, ARootThatIsNotWantedIsSaid) {
  take_ = base::Error(keyservice::Errc::not_ready, "the policy ended");
  EXPECT_TRUE(ask(StartRestoringRequest{envelope_, set_.encoded()}));
  EXPECT_TRUE(give("erin"));
  EXPECT_TRUE(give("frank"));
  EXPECT_EQ(code_of(give("grace")), "not_ready");
  EXPECT_FALSE(custody_.has_root());
}

TEST(ShownStatusTest, RoundTripsAndIsStrictlyRead) {
  ShownStatus status;
  status.phase = Phase::collecting;
  status.target = policy::HolderKey::from(Bytes(32, 1)).value();
  status.order = {RecoverySetId::from(Bytes(16, 2)).value(),
                  base::Sha256Digest::from(Bytes(32, 3)).value(), 4, test::kNow};
  status.threshold = 3;
  status.holders = {{"erin", true, 0, ""}, {"frank", false, 2, "share_wrong"}};
  status.not_authentic = 5;
  const Bytes encoded = encode(status);
  const ShownStatus back = decode_status(encoded).value();
  EXPECT_EQ(encode(back), encoded);
  EXPECT_EQ(back.holders.at(1).last_refusal, "share_wrong");
  for (std::size_t n = 0; n < encoded.size(); ++n)
    EXPECT_EQ(code_of(decode_status(BytesView(encoded).first(n))), "malformed_response") << n;
}

}  // namespace
}  // namespace concordat::keyservice::recovery
