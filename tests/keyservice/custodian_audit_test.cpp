// A custodian and its audit log: what is answered, and when.
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
  EXPECT_EQ(log.kinds(), (std::vector{Kind::boot, Kind::admission, Kind::release, Kind::use,
                                      Kind::refusal, Kind::admission, Kind::operator_action,
                                      Kind::key_change, Kind::operator_action}));
  EXPECT_EQ(log.report.checkpoint->origin, audit_origin(world_.policy(1)->realm(), "custodian-1"));
  const audit::Event& release = log.entries.at(2).event;
  EXPECT_EQ(release.subject->name, "payments");
  EXPECT_EQ(release.key, (audit::KeyVersionName{"payments/card", 1}));
  EXPECT_EQ(log.entries.at(4).event.outcome, "not_granted");
  EXPECT_EQ(log.entries.at(7).event.subject->name, "dana");
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
  EXPECT_EQ(audited().entries.size(), 2U + kRequests);
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
  EXPECT_EQ(log.kinds(), (std::vector{Kind::boot, Kind::admission, Kind::release}));
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
  EXPECT_EQ(log.entries.size(), 7U);
}

TEST_F(CustodianAuditTest, AStrangerThatIsRefusedHasItsEntry) {
  start_open();
  Wire stranger = stranger_with_preface();
  stranger.write(Bytes(100, 0xff));
  run_until_logged("peer_refused");
  run_until([&] { return audited().entries.size() == 2; });
  EXPECT_EQ(audited().entries[1].event.kind, Kind::refusal);
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
