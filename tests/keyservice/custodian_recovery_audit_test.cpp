// What a custodian's audit log says of recovery shares: made only behind an entry, and restored
// though there is no log before the root is there.
#include "keyservice/recovery/contribution.hpp"
#include "tests/keyservice/custodian_audit_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::hpke::PrivateKey;
using policy::MakeOrder;
using policy::RestoreOrder;

class RecoveryAuditTest : public CustodianAuditTest {
 protected:
  RecoveryAuditTest() {
    world_.edit_policy = [this, before = world_.edit_policy](std::string text) {
      return test::replaced(before(std::move(text)), "\"recovery\": \"none\"",
                            R"("recovery": {"threshold": 2, "holders": {"erin": {"key": ")" +
                                erin_.public_key().hex() + R"("}, "frank": {"key": ")" +
                                frank_.public_key().hex() + "\"}}}");
    };
  }
  void start_with_desk() {
    start_administered();
    keeper_.on_open([this] { custodian_->audit_opened(); });
    custodian_->serve_operators({EnclaveFacts{"1.2.3", "i-0-enc1", {}},
                                 [this] { return std::optional(world_.now().monotonic); }, &desk_});
  }
  void start_open_with_desk() {
    start_with_desk();
    keeper_.start();
    run_until([&] { return keeper_.trail().is_open(); });
  }
  void start_without_root() {
    custody_.wipe();
    start_with_desk();
  }
  template <class Order>
  [[nodiscard]] Bytes signed_by_two(const Order& order) const {
    return world_.authority.sign(policy::encode(order), {0, 1}, Order::kPayloadType).encode();
  }
  [[nodiscard]] MakeOrder make_order() {
    MakeOrder order;
    order.realm = world_.policy(1)->realm();
    order.policy = world_.policy(1)->digest();
    order.set = policy::RecoverySetId::from(Bytes(16, 0x11)).value();
    order.generation = 1;
    order.challenge = challenge_;
    order.not_after = world_.wall + std::chrono::hours(1);
    return order;
  }
  [[nodiscard]] RestoreOrder restore_order(const recovery::RecoverySet& set) {
    RestoreOrder order;
    order.realm = world_.policy(1)->realm();
    order.policy = world_.policy(1)->digest();
    order.set = set.id();
    order.set_digest = set.digest();
    order.generation = 1;
    order.target = target_;
    order.challenge = challenge_;
    order.not_after = world_.wall + std::chrono::hours(1);
    return order;
  }
  // "ok", or the code that it was refused by.
  std::string ask_and_wait(const std::shared_ptr<OperatorChannel>& channel, AdminBody body) {
    const std::size_t before = channel->replies.size();
    EXPECT_TRUE(ask(channel, ++id_, std::move(body)));
    run_until([&] { return channel->replies.size() > before; });
    const AdminReply& reply = channel->replies.back();
    return reply.kind == AdminReplyKind::failure ? reply.failure.code : "ok";
  }
  // Of the log, those of an operator's requests: "kind operation outcome".
  [[nodiscard]] std::vector<std::string> of_operators() const {
    std::vector<std::string> out;
    for (const audit::Entry& entry : audited().entries) {
      const audit::Event& event = entry.event;
      if (!event.subject || event.subject->type != audit::SubjectType::operator_key) continue;
      out.push_back(std::string(to_string(event.kind)) + " " + event.operation + " " +
                    event.outcome);
    }
    return out;
  }

  PrivateKey erin_ = PrivateKey::generate(), frank_ = PrivateKey::generate();
  policy::RecoveryChallenge challenge_ = policy::RecoveryChallenge::from(Bytes(32, 0x22)).value();
  Root root_ = Root::from_prk(1, custody_.root().prk()).value();
  policy::HolderKey target_;  // of the last document that was made
  recovery::Desk desk_{
      custody_,
      world_.authority.descriptor(),
      {[this](const attest::MintRequest& request,
              const recovery::DeskWays::Minted& done) -> Status {
         if (request.public_key) {
           // The key stands last in its SubjectPublicKeyInfo.
           target_ = policy::HolderKey::from(
                         base::BytesView(*request.public_key).last(policy::HolderKey::kSize))
                         .value();
         }
         done(side_.enclave.mint(request));
         return {};
       },
       [this](Root root) -> Status {
         custody_.take(std::move(root), "acme");
         keeper_.start();
         return {};
       },
       [](const recovery::DeskEvent&) {}}};
};

TEST_F(RecoveryAuditTest, ASetIsHandedOutBehindItsDurableEntry) {
  start_open_with_desk();
  const auto dana = admit(dana_);
  ASSERT_EQ(ask_and_wait(dana, StatusRequest{}), "ok");  // her admission has its entry
  store_->holds_answers = true;
  const std::size_t before = store_->writes;
  ASSERT_TRUE(ask(dana, ++id_, MakeRecoverySetRequest{signed_by_two(make_order())}));
  run_until([&] { return store_->writes > before; });
  io_.poll();
  EXPECT_EQ(dana->replies.size(), 1U);
  store_->release();
  run_until([&] { return dana->replies.size() == 2; });
  EXPECT_EQ(dana->replies.back().kind, AdminReplyKind::last);
  store_->holds_answers = false;
  EXPECT_EQ(of_operators().back(), "recovery recovery-make ok");
  EXPECT_EQ(audited().entries.back().event.detail,
            "recovery_set_made set " + make_order().set.hex());
}

TEST_F(RecoveryAuditTest, ASetWhoseEntryFailsIsNotHandedOut) {
  start_open_with_desk();
  const auto dana = admit(dana_);
  ASSERT_EQ(ask_and_wait(dana, StatusRequest{}), "ok");
  store_->tears_after = 0;
  store_->failure = audit::Errc::unreachable;
  EXPECT_EQ(ask_and_wait(dana, MakeRecoverySetRequest{signed_by_two(make_order())}),
            "audit_unavailable");
}

TEST_F(RecoveryAuditTest, WhatIsDoneWithoutARootIsInTheLogThatTheRootOpens) {
  start_without_root();
  const auto set = recovery::RecoverySet::make(root_, *world_.policy(1), make_order()).value();
  const auto dana = admit(dana_);
  EXPECT_EQ(ask_and_wait(dana, ListKeysRequest{"*"}), "not_ready");
  ASSERT_EQ(ask_and_wait(dana, AttestRestoringRequest{base::to_bytes(challenge_.view()), false}),
            "ok");
  ASSERT_EQ(ask_and_wait(dana, RestoringStatusRequest{}), "ok");
  const Bytes order = signed_by_two(restore_order(set));
  ASSERT_EQ(ask_and_wait(dana, StartRestoringRequest{order, set.encoded()}), "ok");
  const auto verified = policy::verify_order<RestoreOrder>(order, world_.authority.descriptor(),
                                                           *world_.policy(1), world_.wall)
                            .value();
  const auto give = [&](const PrivateKey& holder) {
    const recovery::TargetEvidence target{{}, target_, challenge_};
    const auto made = recovery::contribute({verified, set, target}, holder).value();
    return ask_and_wait(dana, ContributeShareRequest{recovery::encode(made)});
  };
  EXPECT_EQ(give(erin_), "ok");
  EXPECT_EQ(give(erin_), "share_repeated");
  EXPECT_TRUE(shared_.files.empty()) << "there is no log before there is a root";
  EXPECT_EQ(give(frank_), "ok");
  run_until([&] { return keeper_.trail().is_open() && of_operators().size() == 6; });

  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  EXPECT_EQ(log.kinds().front(), Kind::boot);
  EXPECT_EQ(of_operators(),
            (std::vector<std::string>{
                "admission  ok", "recovery recovery-attest ok", "recovery recovery-start ok",
                "recovery recovery-contribute ok", "refusal recovery-contribute share_repeated",
                "recovery recovery-contribute ok"}));
  const std::string id = set.id().hex();
  const std::string when = "when the log took no entry, at " + std::to_string(world_.wall.value);
  EXPECT_EQ(log.entries.back().event.detail,
            when + ": recovery_share_taken holder frank set " + id + "; root_restored set " + id);
  EXPECT_TRUE(log.entries.at(6).event.detail.starts_with(
      when + ": recovery_share_refused holder erin set " + id))
      << log.entries.at(6).event.detail;
}

TEST_F(RecoveryAuditTest, KeepsTheFirstOnesAndTheRestoredRoot) {
  KeptRecords kept;
  for (std::size_t i = 0; i < kMaxKeptRecords; ++i)
    ASSERT_TRUE(kept.keep({}, world_.wall));
  EXPECT_FALSE(kept.keep({}, world_.wall));
  EXPECT_TRUE(kept.keep({}, world_.wall, true));
  EXPECT_EQ(kept.size(), kMaxKeptRecords + 1);
}

TEST_F(RecoveryAuditTest, WhatDoesNotBecomeDurableIsKept) {
  start_open();
  KeptRecords kept;
  for (const char* const operation : {"recovery-attest", "recovery-start"}) {
    AuditRecord record;
    record.event.kind = Kind::recovery;
    record.event.operation = operation;
    ASSERT_TRUE(kept.keep(std::move(record), world_.wall));
  }
  store_->tears_after = 0;
  store_->failure = audit::Errc::unreachable;
  kept.record(keeper_.trail(), world_.wall);
  run_until([&] { return keeper_.trail().is_stalled(); });
  EXPECT_EQ(kept.size(), 2U);
  store_->tears_after.reset();
  store_->failure.reset();
  run_until([&] { return keeper_.trail().ready().has_value(); });
  kept.record(keeper_.trail(), world_.wall);
  run_until([&] { return kept.size() == 0; });
}

}  // namespace
}  // namespace concordat::keyservice
