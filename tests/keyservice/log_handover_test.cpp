// An audit log whose custodian's root generation is replaced: the journal says to which log key it
// was handed, and whoever has the older root puts no other log in its place.
#include "tests/keyservice/custodian_audit_fixture.hpp"

namespace concordat::keyservice {
namespace {

class LogHandoverTest : public CustodianAuditTest {
 protected:
  LogHandoverTest() {
    world_.edit_policy = [this](std::string text) {
      const bool is_second = text.find("\"serial\": 2,") != text.npos;
      return test::replaced(std::move(text), "\"generations\": []",
                            "\"generations\": [" + pinned(1, first_, !is_second) + ", " +
                                pinned(2, second_, is_second) + "]");
    };
    hold_roots();
    call_current(1);
    load();
  }

  static std::string pinned(std::uint32_t generation, const Root& root, bool is_current) {
    return R"({"generation": )" + std::to_string(generation) + R"(, "state": ")" +
           (is_current ? "current" : "read_only") + R"(", "commitment": ")" +
           root.commitment().hex() + "\"}";
  }
  void hold_roots() {
    custody_.take(Root::from_prk(1, first_.prk()).value(), "acme");
    custody_.take(Root::from_prk(2, second_.prk()).value(), "acme");
  }
  void call_current(std::uint32_t generation) { custody_.pin(*world_.policy(generation)); }
  void load() {
    Status loaded = base::Error(journal::Errc::not_loaded);
    custody_.load([&](const Status& status) { loaded = status; });
    loaded_.shared.run();
    ASSERT_TRUE(loaded) << loaded.error().to_string();
  }
  void take_over() {
    Status taken = base::Error(journal::Errc::not_loaded);
    custody_.keyring().take_over(2, [&](const Status& status) { taken = status; });
    ASSERT_TRUE(taken) << taken.error().to_string();
  }
  void until_open(std::uint32_t generation) {
    run_until([&] {
      return keeper_.trail().is_open() && keeper_.trail().state().root_generation == generation;
    });
  }
  void reopen(std::uint32_t generation) {
    keeper_.stop();
    keeper_.start();
    until_open(generation);
  }
  // As it is said once the next attempt failed.
  std::string refusal() {
    const std::size_t before = events("audit_log_not_opened").size();
    keeper_.stop();
    keeper_.start();
    run_until_logged("audit_log_not_opened", before + 1);
    EXPECT_FALSE(keeper_.trail().is_open());
    return events("audit_log_not_opened").back().dump();
  }
  // Ends when the journal says that the newer key has the log, and nothing is signed by it yet.
  void end_in_between() {
    const test::Files before = shared_.files;
    at_ = keeper_.trail().head();
    call_current(2);
    loaded_.store.answers_later = true;
    keeper_.root_changed();
    run_until([&] { return !loaded_.shared.waiting.empty(); });
    EXPECT_FALSE(keeper_.trail().is_open());
    EXPECT_TRUE(shared_.files == before);
    keeper_.stop();
    loaded_.shared.run();
    loaded_.store.answers_later = false;
    EXPECT_EQ(*handed(), (HandOverLog{origin_, 2, at_.size, at_.root}));
    EXPECT_TRUE(shared_.files == before);
  }
  [[nodiscard]] const HandOverLog* handed() {
    return custody_.keyring().keys().handed_log(origin_);
  }
  // By when a worker was admitted and answered, a boot would have the log.
  void expect_no_log(const test::Files& files) {
    EXPECT_EQ(ask(admit(worker_), GetRequest{"payments/card", 0}), "audit_unavailable");
    EXPECT_FALSE(keeper_.trail().is_open());
    EXPECT_TRUE(shared_.files == files) << "it wrote";
  }
  // As a custodian did that did not wait for a taking over.
  void go_on_under(const Root& root, const Root& before) {
    at_ = keeper_.trail().head();
    Status handed = base::Error(journal::Errc::not_loaded);
    custody_.keyring().hand_over({origin_, root.generation(), at_.size, at_.root},
                                 [&](const Status& status) { handed = status; });
    ASSERT_TRUE(handed) << handed.error().to_string();
    keeper_.stop();
    MemoryLogStore store(shared_);
    const auto boot_key = policy::SigningKey::generate();
    const auto log_key = policy::SigningKey::from_seed(root.audit_key(origin_)).value();
    const auto earlier = policy::SigningKey::from_seed(before.audit_key(origin_)).value();
    audit::Log log(store, {origin_,
                           audit::BootId::from(Bytes(16, 8)).value(),
                           &boot_key,
                           &log_key,
                           {earlier.public_key()}});
    log.open({Bytes(1, 1), Bytes(1, 2), Bytes(1, 3)}, world_.wall,
             [](const Status& opened) { EXPECT_TRUE(opened) << opened.error().to_string(); });
  }
  // By whoever has the first root: other entries than any custodian wrote.
  [[nodiscard]] test::Files invented() const {
    test::SharedFiles files;
    MemoryLogStore store(files);
    const auto boot_key = policy::SigningKey::generate();
    const auto log_key = policy::SigningKey::from_seed(first_.audit_key(origin_)).value();
    audit::Log log(store,
                   {origin_, audit::BootId::from(Bytes(16, 7)).value(), &boot_key, &log_key, {}});
    log.open({Bytes(1, 1), Bytes(1, 2), Bytes(1, 3)}, world_.wall,
             [](const Status& opened) { EXPECT_TRUE(opened); });
    return files.files;
  }
  // The log under the first generation, then under the second.
  void rotate() {
    start_open();
    take_over();
    at_ = keeper_.trail().head();
    call_current(2);
    keeper_.root_changed();
    until_open(2);
  }

  Root first_ = Root::from_prk(1, custody_.root().prk()).value();
  Root second_ = Root::create(2, base::SecretBytes::random(kRootSize)).value();
  std::string origin_ = audit_origin(world_.policy(1)->realm(), "custodian-1");
  audit::Checkpoint at_;
};

TEST_F(LogHandoverTest, TheFirstGenerationsLogIsHandedToNobody) {
  start_open();
  EXPECT_EQ(handed(), nullptr);
  EXPECT_EQ(custody_.journal().head().position, 0u);
}

TEST_F(LogHandoverTest, TheJournalSaysFromWhereTheNewerKeySigns) {
  rotate();
  ASSERT_NE(handed(), nullptr);
  EXPECT_EQ(*handed(), (HandOverLog{origin_, 2, at_.size, at_.root}));
  const auto position = custody_.journal().head().position;
  reopen(2);
  EXPECT_EQ(custody_.journal().head().position, position) << "once";
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
}

TEST_F(LogHandoverTest, AnInventedLogUnderTheReplacedKeyIsNotGoneOnWith) {
  rotate();
  const test::Files good = shared_.files;
  for (const test::Files& files : {invented(), test::Files()}) {
    shared_.files = files;
    const std::string said = refusal();
    EXPECT_NE(said.find(files.empty() ? "handed over at size" : "has replaced"), said.npos) << said;
    EXPECT_TRUE(shared_.files == files) << "it wrote";
  }
  shared_.files = good;
  until_open(2);
}

// A custodian that starts waits for the journal: without it the invented one would do.
TEST_F(LogHandoverTest, NorBeforeTheJournalIsRead) {
  rotate();
  keeper_.stop();
  custody_.wipe();
  hold_roots();
  call_current(2);
  const test::Files good = std::exchange(shared_.files, invented());
  keeper_.start();
  load();
  run_until_logged("audit_log_not_opened");
  shared_.files = good;
  until_open(2);
}

TEST_F(LogHandoverTest, NothingIsSignedBeforeTheJournalSaysSoAndThenTheSameIsGoneOnFrom) {
  start_open();
  take_over();
  end_in_between();
  reopen(2);
  EXPECT_TRUE(audited().report.is_good()) << test::told(audited().report);
}

// Of what somebody saw a later head: whatever is not in it may be what was seen.
TEST_F(LogHandoverTest, NothingIsHandedOverOnAStoreThatIsRolledBack) {
  start_open();
  take_over();
  call_current(2);
  custody_.take_seen(vouch_for(second_, {300, {}}), "w", [](const Status&) {});
  const test::Files before = shared_.files;
  EXPECT_NE(refusal().find("cannot say"), std::string::npos);
  EXPECT_TRUE(shared_.files == before);
  EXPECT_EQ(handed(), nullptr);
}

// That is still valid and calls the replaced generation current.
TEST_F(LogHandoverTest, UnderAnOlderPolicyNothingIsWrittenThatTheNewerKeyHas) {
  rotate();
  const test::Files before = shared_.files;
  call_current(1);
  EXPECT_NE(refusal().find("key_replaced"), std::string::npos);
  EXPECT_TRUE(shared_.files == before);
  call_current(2);
  reopen(2);
}

TEST_F(LogHandoverTest, TakesNoAnswerThatWaitsForItsEntry) {
  start_open();
  take_over();
  const auto worker = admit(worker_);
  store_->holds_answers = true;
  const std::size_t before = store_->writes;
  send(worker, GetRequest{"payments/card", 0});
  run_until([&] { return store_->writes > before; });
  call_current(2);
  keeper_.root_changed();
  EXPECT_EQ(keeper_.trail().state().root_generation, 1u);
  store_->holds_answers = false;
  store_->release();
  EXPECT_FALSE(std::holds_alternative<Failure>(answer(worker, policy::Operation::get)));
  until_open(2);
  EXPECT_TRUE(audited().report.is_good()) << test::told(audited().report);
}

// A policy may call a generation current that took over nowhere yet. Nothing is written then, no
// operator's taking over is taken, and the policy of before brings everything back.
TEST_F(LogHandoverTest, BeforeATakingOverNothingIsWrittenAndAllComesBack) {
  start_open();
  const test::Files before = shared_.files;
  const auto position = custody_.journal().head().position;
  call_current(2);
  keeper_.root_changed();
  expect_no_log(before);
  keeper_.stop();
  keeper_.start();
  expect_no_log(before);
  const Status able = custody_.check(*world_.policy(2));
  ASSERT_FALSE(able);
  EXPECT_EQ(able.error().name(), "generation_not_taken_over");
  EXPECT_EQ(custody_.journal().head().position, position);
  EXPECT_EQ(handed(), nullptr);

  call_current(1);
  keeper_.root_changed();
  until_open(1);
  EXPECT_EQ(ask(admit(worker_), GetRequest{"payments/card", 0}), "ok");
  take_over();
  call_current(2);
  keeper_.root_changed();
  until_open(2);
  EXPECT_EQ(handed()->generation, 2u);
  EXPECT_TRUE(audited().report.is_good()) << test::told(audited().report);
}

TEST_F(LogHandoverTest, ALogThatALaterKeyHadBeforeItsGenerationTookOverComesBack) {
  start_open();
  go_on_under(second_, first_);
  EXPECT_EQ(handed()->generation, 2u);
  const test::Files under_second = shared_.files;
  call_current(2);
  keeper_.start();
  expect_no_log(under_second);
  call_current(1);
  reopen(1);
  EXPECT_EQ(handed()->generation, 1u);
  take_over();
  call_current(2);
  reopen(2);
  EXPECT_EQ(handed()->generation, 2u);
}

// Neither under the newer key nor, where that root is kept back, under the one that signed it.
TEST_F(LogHandoverTest, AnInventedLogIsNotGoneOnWithOnAStoreOfBeforeTheTakingOver) {
  const test::Files files = shared_.files = invented();
  call_current(2);
  start_audited();
  expect_no_log(files);
  custody_.wipe();
  custody_.take(Root::from_prk(1, first_.prk()).value(), "acme");
  call_current(2);
  load();
  keeper_.stop();
  keeper_.start();
  expect_no_log(files);
}

// A parent decides which is unsealed first.
TEST_F(LogHandoverTest, IsOpenedUnderNoOtherRootThanThePolicysCurrentOne) {
  take_over();
  custody_.wipe();
  custody_.take(Root::from_prk(2, second_.prk()).value(), "acme");
  call_current(1);
  load();
  start_audited();
  expect_no_log({});
  custody_.take(Root::from_prk(1, first_.prk()).value(), "acme");
  call_current(1);
  keeper_.root_changed();
  until_open(1);
  EXPECT_TRUE(audited().report.is_good()) << test::told(audited().report);
}

}  // namespace
}  // namespace concordat::keyservice
