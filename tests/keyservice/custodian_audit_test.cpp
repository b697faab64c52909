// A custodian and its audit log: what is answered, and when.
#include <algorithm>

#include "attest/base/hash.hpp"
#include "keyservice/genesis.hpp"
#include "tests/keyservice/custodian_audit_fixture.hpp"

namespace concordat::keyservice {
namespace {

const GetRequest kGet{"payments/card", 0};
const SignRequest kSign{"payments/card", {1, 2, 3}};

TEST_F(CustodianAuditTest, EverythingHasItsEntryAndAnAuditorAgrees) {
  start_open();
  const auto worker = admit(worker_);
  EXPECT_EQ(ask(worker, kGet), "ok");
  EXPECT_EQ(ask(worker, kSign), "ok");
  EXPECT_EQ(ask(worker, GetRequest{"reports/daily", 0}), "not_granted");
  const auto dana = admit(dana_);
  ASSERT_TRUE(ask(dana, 1, CreateKeyRequest{"payments/new", KeyType::p256, false}));
  run_until([&] { return dana->replies.size() == 1; });
  ASSERT_TRUE(ask_status(dana, 2));
  run_until([&] { return dana->replies.size() == 2; });

  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  EXPECT_EQ(log.kinds(),
            (std::vector{Kind::boot, Kind::genesis, Kind::admission, Kind::release, Kind::use,
                         Kind::refusal, Kind::admission, Kind::operator_action, Kind::key_change,
                         Kind::operator_action}));
  EXPECT_EQ(log.report.checkpoint->origin, audit_origin(world_.policy(1)->realm(), "custodian-1"));
  const audit::Event& release = log.entries.at(3).event;
  EXPECT_EQ(release.subject->name, "payments");
  EXPECT_EQ(release.key, (audit::KeyVersionName{"payments/card", 1}));
  EXPECT_EQ(log.entries.at(2).event.detail.find("transcript "), 0U) << "which channel it was";
  EXPECT_EQ(log.entries.at(5).event.outcome, "not_granted");
  EXPECT_EQ(log.entries.at(8).event.subject->name, "dana");
}

TEST_F(CustodianAuditTest, NothingIsReleasedBeforeItsEntryIsDurable) {
  start_open();
  const auto worker = admit(worker_);
  store_->holds_answers = true;
  for (const RequestBody& body : {RequestBody(kGet), RequestBody(kSign)}) {
    const std::size_t before = store_->writes;
    const auto served = custodian_->counts().served;
    send(worker, body);
    run_until([&] { return store_->writes > before; });
    io_.poll();
    EXPECT_EQ(custodian_->counts().served, served);
    EXPECT_TRUE(worker->records.empty());
    store_->release();
    EXPECT_FALSE(std::holds_alternative<Failure>(answer(worker, operation_of(body))));
  }
}

TEST_F(CustodianAuditTest, WhatComesWhileABatchIsWrittenIsOneBatch) {
  constexpr int kRequests = 100;
  start_open();
  const auto worker = admit(worker_);
  store_->holds_answers = true;
  const std::size_t before = store_->writes;
  for (int i = 0; i < kRequests; ++i)
    send(worker, kSign);
  // The first one alone, and the others behind it.
  run_until([&] { return store_->writes > before && worker->stream->bytes_waiting() == 0; });
  while (worker->records.size() < kRequests) {
    io_.poll();
    store_->release();
  }
  EXPECT_LE(store_->writes - before, 10U);
  EXPECT_EQ(audited().entries.size(), 3U + kRequests);
}

TEST_F(CustodianAuditTest, WithoutItsStoreNothingIsReleasedAndItComesBackByItself) {
  start_open();
  const auto worker = admit(worker_);
  for (const audit::Errc trouble : {audit::Errc::unreachable, audit::Errc::store_full}) {
    ASSERT_EQ(ask(worker, kGet), "ok");
    store_->tears_after = 0;
    store_->failure = trouble;
    EXPECT_EQ(ask(worker, kGet), "audit_unavailable");
    EXPECT_EQ(ask(worker, kSign), "audit_unavailable");
    const auto served = custodian_->counts().served;
    store_->tears_after.reset();
    store_->failure.reset();
    run_until([&] { return keeper_.trail().ready().has_value(); });
    EXPECT_EQ(custodian_->counts().served, served);
    EXPECT_EQ(ask(worker, kGet), "ok");
  }
  EXPECT_EQ(events("audit_log_stalled").size(), 2U);
  run_until_logged("audit_log_recovered");
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
}

TEST_F(CustodianAuditTest, WorkersAreToldWhetherTheyAreServedAndWheneverItChanges) {
  start_administered();
  const auto worker = admit(worker_);
  const auto told = [&](const std::string& trouble) {
    run_until([&] { return !worker->signs.empty() && worker->signs.back().trouble == trouble; });
  };
  told("audit_unavailable");
  keeper_.on_open([this] { custodian_->audit_opened(); });
  keeper_.start();
  told("");
  store_->tears_after = 0;
  store_->failure = audit::Errc::store_full;
  EXPECT_EQ(ask(worker, kGet), "audit_unavailable");
  EXPECT_EQ(worker->signs.back().trouble, "audit_unavailable") << "before the answer";
  store_->tears_after.reset();
  store_->failure.reset();
  run_until([&] { return keeper_.trail().ready().has_value(); });
  custodian_->look_at_serving();
  told("");
  const std::size_t signs = worker->signs.size();
  custodian_->look_at_serving();
  EXPECT_EQ(ask(worker, kGet), "ok");
  EXPECT_EQ(worker->signs.size(), signs) << "what is no news is not told";
  custody_.wipe();
  custodian_->look_at_serving();
  told("root_missing");
}

TEST_F(CustodianAuditTest, AWorkerIsToldWhenTheStoreCannotBeRead) {
  start_open();
  const auto worker = admit(worker_);
  loaded_.store.fail_all(test::MemoryStore::Failure::refused);
  custody_.load([](const Status& loaded) { EXPECT_FALSE(loaded); });
  custodian_->look_at_serving();
  run_until([&] { return worker->signs.back().trouble == "unreachable"; });
}

TEST_F(CustodianAuditTest, WhoeverLosesTheLogServesNothingAnyMore) {
  start_open();
  const auto worker = admit(worker_);
  ASSERT_EQ(ask(worker, kGet), "ok");
  const std::size_t entries = audited().entries.size();
  shared_.writer = audit::BootId::from(Bytes(16, 9)).value();
  EXPECT_EQ(ask(worker, kGet), "audit_taken_over");
  EXPECT_EQ(ask(worker, kSign), "audit_taken_over");
  EXPECT_EQ(audited().entries.size(), entries);
}

TEST_F(CustodianAuditTest, AnAdmissionBeforeTheLogIsOpenIsRecordedThen) {
  start_audited();
  const auto worker = admit(worker_);
  run_until([&] { return keeper_.trail().is_open(); });
  EXPECT_EQ(ask(worker, kGet), "ok");
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  EXPECT_EQ(log.kinds(), (std::vector{Kind::boot, Kind::genesis, Kind::admission, Kind::release}));
}

TEST_F(CustodianAuditTest, BeforeTheLogIsOpenNothingIsReleased) {
  start_administered();
  const auto worker = admit(worker_);
  EXPECT_EQ(ask(worker, kGet), "audit_unavailable");
  const auto dana = admit(dana_);
  ASSERT_TRUE(ask(dana, 1, ListKeysRequest{"*"}));
  run_until([&] { return dana->replies.size() == 1; });
  EXPECT_EQ(dana->replies[0].failure.code, "audit_unavailable");
  ASSERT_TRUE(ask_status(dana, 2));
  run_until([&] { return dana->replies.size() == 2; });
  EXPECT_EQ(dana->replies[1].kind, AdminReplyKind::last) << "how things stand is told";
}

TEST_F(CustodianAuditTest, AChangeIsMadeWhenItIsKnownThatItWasAskedFor) {
  start_open();
  const auto dana = admit(dana_);
  store_->holds_answers = true;
  const std::size_t before = store_->writes;
  ASSERT_TRUE(ask(dana, 1, CreateKeyRequest{"payments/new", KeyType::p256, false}));
  run_until([&] { return store_->writes > before; });
  io_.poll();
  EXPECT_EQ(custody_.keyring().keys().find("payments/new"), nullptr);
  store_->release();
  EXPECT_NE(custody_.keyring().keys().find("payments/new"), nullptr);
  io_.poll();
  EXPECT_TRUE(dana->replies.empty());
  store_->release();
  run_until([&] { return dana->replies.size() == 1; });
  EXPECT_EQ(dana->replies[0].kind, AdminReplyKind::last);
}

TEST_F(CustodianAuditTest, AChangeWhoseEntryFailsIsNotMade) {
  start_open();
  const auto dana = admit(dana_);
  store_->tears_after = 0;
  store_->failure = audit::Errc::unreachable;
  ASSERT_TRUE(ask(dana, 1, CreateKeyRequest{"payments/new", KeyType::p256, false}));
  run_until([&] { return dana->replies.size() == 1; });
  EXPECT_EQ(dana->replies[0].failure.code, "audit_unavailable");
  EXPECT_EQ(custody_.keyring().keys().find("payments/new"), nullptr);
}

TEST_F(CustodianAuditTest, EachRootHasABootOfItsOwn) {
  start_open();
  const auto worker = admit(worker_);
  ASSERT_EQ(ask(worker, kGet), "ok");
  keeper_.stop();
  EXPECT_EQ(ask(worker, kGet), "audit_unavailable");
  keeper_.start();
  run_until([&] { return keeper_.trail().is_open(); });
  EXPECT_EQ(ask(worker, kGet), "ok");
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  ASSERT_EQ(log.report.boots.size(), 2U);
  EXPECT_NE(log.report.boots[0].boot_key, log.report.boots[1].boot_key);
  EXPECT_EQ(log.report.boots[0].log_key, log.report.boots[1].log_key);
  // Of the second boot: it, how many were refused before, who had a channel then, the release.
  EXPECT_EQ(log.entries.size(), 8U);
  EXPECT_EQ(std::ranges::count(log.kinds(), Kind::genesis), 1) << "the root is the same";
}

TEST_F(CustodianAuditTest, AStrangerThatIsRefusedHasItsEntry) {
  start_open();
  Wire stranger = stranger_with_preface();
  stranger.write(Bytes(100, 0xff));
  run_until_logged("peer_refused");
  run_until([&] { return audited().entries.size() == 3; });
  EXPECT_EQ(audited().entries[2].event.kind, Kind::refusal);
  EXPECT_TRUE(audited().entries[2].event.evidence.empty()) << "it showed no document";
}

TEST_F(CustodianAuditTest, OfARootThatIsNewToItTheLogSaysWhereItWasBorn) {
  const auto born = [this](const RootCommitment& commitment) {
    GenesisStatement statement;
    statement.generation = custody_.root().generation();
    statement.commitment = commitment;
    return side_.enclave.mint(genesis_document(statement));
  };
  const Bytes genesis = born(custody_.root().commitment());
  const std::map<std::string, Bytes> given{
      {"none", {}},
      {"junk", Bytes(100, 7)},
      {"another root's", born(RootCommitment::from(Bytes(RootCommitment::kSize, 1)).value())},
      {"it", genesis}};
  for (const auto& [name, document] : given) {
    shared_ = {};
    keeper_.read_genesis_with([document = document](std::uint32_t generation, const auto& done) {
      EXPECT_EQ(generation, 1U);
      done(document);
    });
    if (!custodian_) start_audited();
    keeper_.stop();
    keeper_.start();
    run_until([&] { return keeper_.trail().is_open(); });
    const Audited log = audited();
    EXPECT_TRUE(log.report.is_good()) << name << test::told(log.report);
    EXPECT_EQ(log.kinds(), (std::vector{Kind::boot, Kind::genesis})) << name;
    const audit::Event& event = log.entries.at(1).event;
    EXPECT_NE(event.detail.find(custody_.root().commitment().hex()), std::string::npos);
    const auto* const kept = event.evidence_of(audit::EvidenceType::document);
    ASSERT_EQ(kept != nullptr, name == "it") << name;
    if (kept != nullptr) {
      EXPECT_EQ(*kept, base::sha256({genesis}));
    }
  }
}

// A store that is older than what somebody saw of it is noticed while the journal is loaded, before
// the log is open: by a worker's head, or by what this custodian itself had read.
TEST_F(CustodianAuditTest, ARollbackThatIsNoticedDuringTheLoadIsInTheLog) {
  const base::SecretBytes prk = custody_.root().prk();
  const auto rolled_back = [&](std::string_view by) {
    const Audited log = audited();
    EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
    return std::ranges::count_if(log.entries, [&](const audit::Entry& entry) {
      return entry.event.outcome == "rolled_back" &&
             entry.event.detail.find(by) != std::string::npos;
    });
  };
  const auto come_up = [&] {
    custody_.take(Root::from_prk(1, prk.clone()).value(), "acme");
    custody_.load([](const Status& loaded) { ASSERT_TRUE(loaded); });
    keeper_.start();
    run_until([&] { return keeper_.trail().is_open(); });
  };
  start_administered();
  keeper_.on_open([this] { custodian_->audit_opened(); });
  const auto yesterday = loaded_.shared.records;
  custody_.keyring().adopt("payments/a", [](const auto& made) { ASSERT_TRUE(made); });
  const VouchedHead seen = custody_.head().value();
  custody_.wipe();
  loaded_.shared.records = yesterday;
  come_up();
  run_until([&] { return rolled_back("this custodian") == 1; });
  EXPECT_EQ(events("head_refused").size(), 1u);
  custodian_->look_at_serving();
  EXPECT_EQ(events("head_refused").size(), 1u) << "it is said once";

  // Of a worker, to a custodian that has no root yet.
  keeper_.stop();
  custody_.wipe();
  shared_ = {};
  const auto worker = admit(worker_);
  ASSERT_TRUE(worker->stream->send(encode(seen)));
  run_until([&] { return custody_.unjudged_heads() == 1; });
  come_up();
  run_until([&] { return rolled_back("enclave/worker") == 1; });
}

TEST_F(CustodianAuditTest, OfARefusedEnclaveTheDocumentIsKeptWithinBounds) {
  CustodianLimits limits;
  limits.refusal_entry_burst = 2;
  limits.refused_document_burst = 1;
  start_administered(limits);
  keeper_.on_open([this] { custodian_->audit_opened(); });
  keeper_.start();
  run_until([&] { return keeper_.trail().is_open(); });
  Side unknown(world_, io_, "nobody-1", "payments");
  (void)unknown.policies.install(world_.envelope(1), world_.wall).value();
  for (std::size_t i = 1; i <= 4; ++i) {
    const auto refused = dial(unknown);
    run_until_logged("peer_refused", i);
  }
  world_.wall = world_.wall + std::chrono::seconds(2);
  const auto last = dial(unknown);
  run_until_logged("peer_refused", 5);
  run_until([&] { return audited().entries.size() == 6; });
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  const auto shows = [&](std::size_t entry) {
    return log.entries.at(entry).event.evidence_of(audit::EvidenceType::document) != nullptr;
  };
  EXPECT_TRUE(shows(2));
  EXPECT_NE(log.entries[2].event.evidence_of(audit::EvidenceType::policy), nullptr);
  EXPECT_FALSE(shows(3) || shows(5)) << "no more than the burst";
  EXPECT_EQ(log.entries[4].event.outcome, "not_logged");
  EXPECT_EQ(log.entries[4].event.detail.substr(0, 2), "2 ");
}

// A policy that wants no entry of cheap uses.
std::function<std::string(std::string)> wanting_few(std::function<std::string(std::string)> edit) {
  return [edit = std::move(edit)](std::string text) {
    auto policy = nlohmann::ordered_json::parse(edit(std::move(text)));
    policy["audited_uses"] = "secret";
    policy["grants"][0]["operations"].push_back("random");
    return policy.dump(2);
  };
}

// Neither a caller that was there before nor one that comes only now has to wait for it, and the
// admission of the second is written though it is gone by then.
TEST_F(CustodianAuditTest, WhatNeedsNoEntryIsAnsweredWhileTheLogTakesNone) {
  world_.edit_policy = wanting_few(world_.edit_policy);
  start_open();
  const auto worker = admit(worker_);
  ASSERT_EQ(ask(worker, kSign), "ok");
  store_->tears_after = 0;
  store_->failure = audit::Errc::store_full;
  const auto late = admit(other_);
  for (const auto& caller : {worker, late}) {
    EXPECT_EQ(ask(caller, kGet), "audit_unavailable");
    EXPECT_EQ(ask(caller, RandomRequest{"payments/card", 16}), "ok");
    EXPECT_EQ(ask(caller, RandomRequest{"reports/daily", 16}), "not_granted");
  }
  late->stream->close();
  run_until([&] { return late->ended.has_value(); });
  store_->tears_after.reset();
  store_->failure.reset();
  run_until([&] { return keeper_.trail().ready().has_value(); });
  custodian_->look_at_serving();
  custodian_->look_at_serving();  // nothing is written twice
  EXPECT_EQ(ask(worker, kGet), "ok");
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  std::set<std::string> admitted;
  for (const audit::Entry& entry : log.entries) {
    if (entry.event.kind == Kind::admission) admitted.insert(entry.event.subject->id);
  }
  EXPECT_EQ(admitted.size(), 2U);
}

TEST_F(CustodianAuditTest, WhatPolicyWantsNoEntryOfHasNoneUnlessItIsRefused) {
  world_.edit_policy = wanting_few(world_.edit_policy);
  start_open();
  const auto worker = admit(worker_);
  EXPECT_EQ(ask(worker, kSign), "ok");
  const std::size_t before = audited().entries.size();
  EXPECT_EQ(ask(worker, RandomRequest{"payments/card", 16}), "ok");
  EXPECT_EQ(audited().entries.size(), before);
  EXPECT_EQ(ask(worker, RandomRequest{"reports/daily", 16}), "not_granted");
  EXPECT_EQ(ask(worker, kGet), "ok");
  const Audited log = audited();
  EXPECT_TRUE(log.report.is_good()) << test::told(log.report);
  ASSERT_EQ(log.entries.size(), before + 2);
  EXPECT_EQ(log.entries[before].event.kind, Kind::refusal);
  EXPECT_EQ(log.entries[before + 1].event.kind, Kind::release);
}

TEST(AuditedName, IsOneOfFew) {
  for (const char* const good : {"custodian", "custodian-1", "custodian-b"})
    EXPECT_TRUE(is_audited_name(good)) << good;
  for (const char* const bad : {"", "custodia", "custodian-", "custodian1", "custodian-10",
                                "custodian-B", "custodian-_", "worker", "custodian_1"})
    EXPECT_FALSE(is_audited_name(bad)) << bad;
}

}  // namespace
}  // namespace concordat::keyservice
