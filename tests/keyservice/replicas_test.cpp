// A custodian gets the root from another one: only where policy says so, only as a custodian, only
// from one that is well, and with the journal's head, without which it serves nobody.
#include "keyservice/replicas_io.hpp"

#include "attest/base/secret_access.hpp"
#include "keyservice/journal/errc.hpp"
#include "peer/error.hpp"
#include "peer/preface_io.hpp"
#include "policy/errc.hpp"
#include "policy/replicas.hpp"
#include "tests/keyservice/replicas_fixture.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::Status;

class ReplicasTest : public ReplicasFixture {};

TEST_F(ReplicasTest, TheRootComesFromACustodianThatRuns) {
  const auto first = serving("custodian-a");
  create_key(*first, "payments/a");
  const auto second = host("custodian-b");
  serve(*second);
  know(*second, {"custodian-a"});
  auto fetched = fetch(*second);
  ASSERT_TRUE(fetched) << fetched.error().to_string();
  EXPECT_EQ(fetched->commitment(), commitment_);
  ASSERT_TRUE(take(*second, *std::move(fetched)));
  EXPECT_TRUE(check(*second));
  EXPECT_NE(second->custody.keyring().keys().find("payments/a"), nullptr);
  EXPECT_EQ(logged("root_given"), 1u);
}

TEST_F(ReplicasTest, TheRootComesFromACustodianThatIsAnnounced) {
  const auto first = serving("custodian-a");
  const auto second = host("custodian-b");
  serve(*second);
  know(*second, {});
  EXPECT_TRUE(fetch(*second).error().is(Errc::no_replica));
  second->replicas->know({"custodian-a"});
  auto fetched = fetch(*second);
  ASSERT_TRUE(fetched) << fetched.error().to_string();
  EXPECT_EQ(fetched->commitment(), commitment_);
  // It stays as long as there is a channel to it, whoever is announced, and is dialled no more
  // then.
  second->replicas->know({});
  ASSERT_TRUE(fetch(*second));
  first->custodian.reset();
  run_until([&] {
    second->replicas->know({});
    return logged("custodian_forgotten") == 1;
  });
  EXPECT_TRUE(fetch(*second).error().is(Errc::no_replica));
}

// Holds what is to be recorded until the test says how that ends.
class HeldRecorder final : public Recorder {
 public:
  [[nodiscard]] Status ready() const override { return able; }
  void record(AuditRecord record, base::UnixMillis, Done done) override {
    if (record.event.kind != audit::Kind::replica) return done({});
    ASSERT_EQ(record.event.operation, "root");
    ASSERT_EQ(record.event.subject->image, "custodian-1");
    waiting = std::move(done);
  }
  [[nodiscard]] AuditLogState state() const override { return {able.has_value()}; }

  Status able;
  Done waiting;
};

TEST_F(ReplicasTest, TheRootIsNotGivenBeforeItsEntryIsDurable) {
  HeldRecorder recorder;
  recorder_.instead = &recorder;
  const auto first = serving("custodian-a");
  const auto second = host("custodian-b");
  serve(*second);
  know(*second, {"custodian-a"});
  const auto ask = [&](std::optional<base::Result<Root>>& root) {
    const policy::PolicyPtr policy = second->side.policies.latest();
    second->replicas->fetch_root(*policy->model().current_root(), [&](base::Result<Root> fetched) {
      root.emplace(std::move(fetched));
    });
  };
  std::optional<base::Result<Root>> given, refused, unable;
  ask(given);
  run_until([&] { return recorder.waiting != nullptr; });
  io_.poll();
  EXPECT_FALSE(given);
  EXPECT_EQ(logged("root_given"), 0u);
  std::exchange(recorder.waiting, nullptr)({});
  run_until([&] { return given.has_value(); });
  EXPECT_TRUE(*given);

  ask(refused);
  run_until([&] { return recorder.waiting != nullptr; });
  std::exchange(recorder.waiting, nullptr)(Error(AuditTrailErrc::unavailable));
  run_until([&] { return refused.has_value(); });
  ASSERT_FALSE(*refused);
  EXPECT_NE(refused->error().detail().find("audit_unavailable"), std::string::npos);

  recorder.able = Error(AuditTrailErrc::taken_over);
  ask(unable);
  run_until([&] { return unable.has_value(); });
  ASSERT_FALSE(*unable);
  EXPECT_NE(unable->error().detail().find("audit_taken_over"), std::string::npos);
  EXPECT_EQ(recorder.waiting, nullptr);
  EXPECT_EQ(logged("root_given"), 1u);
}

TEST_F(ReplicasTest, WithoutThePurposeNobodyAsksAndNobodyAnswers) {
  admits_replicas_ = false;
  const auto first = serving("custodian-a");
  const auto second = host("custodian-b");
  serve(*second);
  know(*second, {"custodian-a"});
  const auto fetched = fetch(*second);
  ASSERT_FALSE(fetched);
  EXPECT_TRUE(fetched.error().is(Errc::no_replica)) << fetched.error().to_string();
  EXPECT_EQ(first->custodian->counts().handshakes, 0u);
  // Nor where it asks all the same.
  std::optional<Status> ended;
  peer::async_dial_target(
      io_, relay_endpoint_, peer::EnclaveTarget{"custodian-a"}, kPatience,
      [&](Result<peer::StreamSocket> socket) {
        peer::SecureStream::Events events;
        events.established = [](const policy::AdmittedPeer&) { FAIL() << "admitted"; };
        events.ended = [&](const Status& status) { ended = status; };
        peer::SecureStream::initiate(*std::move(socket), second->side.party, second->side.nsm,
                                     std::string(policy::kReplicaPurpose), std::move(events));
      });
  run_until([&] { return ended.has_value(); });
  EXPECT_FALSE(*ended);
  EXPECT_EQ(first->custodian->counts().handshakes, 0u);
}

TEST_F(ReplicasTest, AnAlteredCustodianGetsNothing) {
  const auto first = serving("custodian-a");
  const auto second = host("custodian-b", nullptr, "payments-1");
  serve(*second);
  know(*second, {"custodian-a"});
  const auto fetched = fetch(*second);
  ASSERT_FALSE(fetched);
  EXPECT_TRUE(fetched.error().is(Errc::no_replica));
  EXPECT_EQ(first->custodian->counts().handshakes, 0u);
  EXPECT_EQ(logged("peer_refused", "image_differs"), 1u);
}

TEST_F(ReplicasTest, AWorkerWhoseRoleMayNotAskIsRefusedByThePolicy) {
  const auto first = serving("custodian-a");
  test::Side worker(world_, io_, "payments-1", "payments");
  (void)worker.policies.install(world_.envelope(1), world_.wall).value();
  std::optional<Status> ended;
  peer::async_dial_target(io_, relay_endpoint_, peer::EnclaveTarget{"custodian-a"}, kPatience,
                          [&](Result<peer::StreamSocket> socket) {
                            peer::SecureStream::Events events;
                            events.ended = [&](const Status& status) { ended = status; };
                            peer::SecureStream::initiate(
                                *std::move(socket), worker.party, worker.nsm,
                                std::string(policy::kReplicaPurpose), std::move(events));
                          });
  run_until([&] { return ended.has_value(); });
  EXPECT_FALSE(*ended);
  EXPECT_EQ(first->custodian->counts().handshakes, 0u);
}

// A channel of a worker is no way to it, nor a channel of a custodian a way to keys.
TEST_F(ReplicasTest, TheRootIsAskedForOnAChannelOfThatPurposeAlone) {
  const auto first = serving("custodian-a");
  test::TestEnclave asker(world_, "payments-1", "payments");
  test::TestEnclave giver(world_, "custodian-1", "custodian");
  peer::Dialogue dialogue(world_, asker, giver);
  dialogue.run();
  const auto worker = peer::enclave_of(std::move(dialogue.responder()).take_established());
  const RootRequest request{7, 1, commitment_};
  const auto served = answer_replica(first->custody, *world_.policy(1), worker, encode(request));
  EXPECT_TRUE(served.outcome.error().is(Errc::not_ready));
  const auto answer = decode_root_answer(served.response).value();
  EXPECT_EQ(answer.id, 7u);
  EXPECT_EQ(std::get<Failure>(answer.body).code, "not_ready");
}

TEST_F(ReplicasTest, ACustodianWithoutTheRootHasNoneToGive) {
  const auto first = host("custodian-a");
  serve(*first);
  const auto second = host("custodian-b");
  serve(*second);
  know(*second, {"custodian-a"});
  const auto fetched = fetch(*second);
  ASSERT_FALSE(fetched);
  EXPECT_NE(fetched.error().detail().find("not_ready"), std::string::npos);
  EXPECT_EQ(logged("root_not_given", "not_ready"), 1u);
}

TEST_F(ReplicasTest, TheNextIsAskedWhereOneIsNotThereOrDoesNotAnswer) {
  // Accepts, and never says a word.
  const auto silent = peer::Listener::open(io_, inbound("custodian-s")).value();
  std::vector<peer::StreamSocket> kept;
  silent->start([&](peer::StreamSocket socket, const peer::PeerAddress&) {
    kept.push_back(std::move(socket));
  });
  const auto first = serving("custodian-a");
  const auto second = host("custodian-b");
  serve(*second);
  know(*second, {"custodian-x", "custodian-s", "custodian-a"}, std::chrono::seconds(3));
  EXPECT_TRUE(fetch(*second));
  EXPECT_EQ(logged("root_not_received"), 2u);
}

TEST_F(ReplicasTest, OnAnOlderStoreTheNewOneServesNobody) {
  const auto first = serving("custodian-a");
  create_key(*first, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  create_key(*first, "payments/b");
  const auto second = host("custodian-b", &yesterday);
  serve(*second);
  know(*second, {"custodian-a"});
  auto fetched = fetch(*second);
  ASSERT_TRUE(fetched);
  ASSERT_TRUE(take(*second, *std::move(fetched))) << "by itself it does not see it";
  EXPECT_TRUE(check(*second).error().is(journal::Errc::rolled_back));
}

// The same where it has the root from KMS: whoever runs tells what it saw.
TEST_F(ReplicasTest, OnAnOlderStoreItServesNobodyOnceAnotherIsReached) {
  const auto first = serving("custodian-a");
  create_key(*first, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  create_key(*first, "payments/b");
  const auto second = serving("custodian-b", &yesterday);
  ASSERT_TRUE(check(*second));
  know(*first, {});
  know(*second, {"custodian-a"});
  run_until([&] { return !check(*second); });
  EXPECT_TRUE(check(*second).error().is(journal::Errc::rolled_back));
  run_until([&] { return logged("head_refused", "rolled_back") != 0; });
  EXPECT_TRUE(check(*first)) << "it has what it saw";
}

// Its parent keeps the newer root from it, and its store is of before that one took over.
TEST_F(ReplicasTest, WithoutTheRootUnderWhichAnotherVouchesItServesNobodyUntilItHasThat) {
  Bytes bytes(kRootSize, 2);
  const Root newer = Root::create(2, base::SecretBytes::take(bytes)).value();
  edit_ = [&](nlohmann::ordered_json& policy) {
    policy["root"]["generations"].push_back(
        {{"generation", 2}, {"state", "read_only"}, {"commitment", newer.commitment().hex()}});
  };
  const auto first = serving("custodian-a");
  first->custody.take(Root::from_prk(2, newer.prk()).value(), "acme");
  create_key(*first, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  first->custody.keyring().take_over(2, [](const Status& done) { ASSERT_TRUE(done); });
  const auto second = serving("custodian-b", &yesterday);
  const policy::PolicyPtr policy = second->side.policies.latest();
  second->custody.pin(*policy);
  ASSERT_TRUE(check(*second));
  know(*first, {});
  know(*second, {"custodian-a"});
  run_until([&] { return !check(*second); });
  EXPECT_TRUE(check(*second).error().is(Errc::generation_not_held));
  run_until([&] { return logged("head_refused", "generation_not_held") != 0; });

  std::optional<Result<Root>> fetched;
  second->replicas->fetch_root(*policy->model().root(2),
                               [&](Result<Root> root) { fetched.emplace(std::move(root)); });
  run_until([&] { return fetched.has_value(); });
  ASSERT_TRUE(*fetched) << fetched->error().to_string();
  ASSERT_TRUE(take(*second, **std::move(fetched)));
  EXPECT_TRUE(check(*second).error().is(journal::Errc::rolled_back));
  yesterday.records = shared_.records;
  ASSERT_TRUE(second->load());
  EXPECT_TRUE(check(*second));
  EXPECT_TRUE(check(*first)) << "it has what it saw";
}

// Asked for the root that the policy still calls current, when a later one has taken over: the head
// comes before it, so that nobody can let through the one without the other.
TEST_F(ReplicasTest, TheHeadComesBeforeTheRootThoughAnotherGenerationVouchesForIt) {
  Bytes bytes(kRootSize, 2);
  const Root newer = Root::create(2, base::SecretBytes::take(bytes)).value();
  edit_ = [&](nlohmann::ordered_json& policy) {
    policy["root"]["generations"].push_back(
        {{"generation", 2}, {"state", "read_only"}, {"commitment", newer.commitment().hex()}});
  };
  const auto first = serving("custodian-a");  // which tells nothing by itself: it knows no other
  first->custody.take(Root::from_prk(2, newer.prk()).value(), "acme");
  create_key(*first, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  first->custody.keyring().take_over(2, [](const Status& done) { ASSERT_TRUE(done); });
  const auto second = host("custodian-b", &yesterday);
  serve(*second);
  know(*second, {"custodian-a"});
  auto fetched = fetch(*second);
  ASSERT_TRUE(fetched) << fetched.error().to_string();
  EXPECT_EQ(fetched->generation(), 1u);
  (void)take(*second, *std::move(fetched));
  EXPECT_TRUE(check(*second).error().is(Errc::generation_not_held));
}

TEST_F(ReplicasTest, WhoServesNobodyGivesNoRootAndTellsWhatIsMissing) {
  const auto witness = serving("custodian-w");
  create_key(*witness, "payments/a");
  test::MemoryStore::Shared yesterday;
  yesterday.records = shared_.records;
  create_key(*witness, "payments/b");
  const auto first = serving("custodian-a", &yesterday);
  first->custodian->take_seen(*witness->custody.head(), "custodian-w");
  ASSERT_TRUE(check(*first).error().is(journal::Errc::rolled_back));
  know(*first, {});

  // Its root is of KMS then, its store the older one, too: it has heard of the later head.
  const auto second = host("custodian-b", &yesterday);
  serve(*second);
  know(*second, {"custodian-a"});
  const auto fetched = fetch(*second);
  ASSERT_FALSE(fetched);
  EXPECT_NE(fetched.error().detail().find("rolled_back"), std::string::npos);
  ASSERT_TRUE(take(*second, root()));
  run_until([&] { return !check(*second); });
  EXPECT_TRUE(check(*second).error().is(journal::Errc::rolled_back));
}

TEST_F(ReplicasTest, WhatOneChangesTheOtherHasWithTheNextHead) {
  const auto first = serving("custodian-a");
  const auto second = serving("custodian-b");
  know(*first, {});
  know(*second, {"custodian-a"});
  create_key(*first, "payments/a");
  run_until([&] { return second->custody.keyring().keys().find("payments/a") != nullptr; });
  create_key(*second, "payments/b");
  run_until([&] { return first->custody.keyring().keys().find("payments/b") != nullptr; });
  EXPECT_TRUE(check(*first));
  EXPECT_TRUE(check(*second));
}

TEST_F(ReplicasTest, UnderANewerPolicyEachIsJudgedAnew) {
  const auto first = serving("custodian-a");
  const auto second = serving("custodian-b");
  know(*second, {"custodian-a"});
  run_until([&] { return logged("replica_admitted") == 1; });
  // Learnt by the one that dials from the refusal of the other.
  ASSERT_TRUE(first->side.party.offer_policy(world_.envelope(2)));
  run_until([&] { return logged("replica_admitted") == 2; });
  EXPECT_EQ(second->side.policies.latest()->serial(), 2u);
  // Which may let none of them any more.
  admits_replicas_ = false;
  ASSERT_TRUE(second->side.party.offer_policy(world_.envelope(3)));
  run_until([&] { return logged("replica_lost") == 2; });
  EXPECT_FALSE(fetch(*second));
}

TEST(RootAnswers, AreHeldToWhatWasAskedFor) {
  const Root root = Root::create(2, base::SecretBytes::random(kRootSize)).value();
  const RootRequest request{4, 2, root.commitment()};
  const auto answer = [&](std::uint64_t id, const Root& given, const VouchedHead& head) {
    return encode(RootAnswer{id, GivenRoot{head, given.prk()}});
  };
  const VouchedHead head = vouch_for(root, {5, base::sha256({})});
  const auto good = take_root(request, answer(4, root, head));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->head, head);
  EXPECT_TRUE(good->root.check_commitment(root.commitment().view()));
  EXPECT_EQ(good->root.derive(KeyUse::secret, "a", 1), root.derive(KeyUse::secret, "a", 1));

  EXPECT_TRUE(take_root(request, answer(5, root, head)).error().is(Errc::malformed_response));
  const Root other = Root::create(2, base::SecretBytes::random(kRootSize)).value();
  EXPECT_TRUE(take_root(request, answer(4, other, head)).error().is(Errc::wrong_root));
  EXPECT_TRUE(take_root(request, answer(4, root, vouch_for(other, head.head)))
                  .error()
                  .is(Errc::head_forged));
  const auto refused = take_root(request, encode(RootAnswer{4, Failure{"not_ready", "why"}}));
  EXPECT_TRUE(refused.error().is(Errc::no_replica));
}

TEST(RootAnswers, OfAnyOtherFormAreRefused) {
  const Root root = Root::create(1, base::SecretBytes::random(kRootSize)).value();
  const auto whole = encode(RootAnswer{1, GivenRoot{vouch_for(root, {}), root.prk()}});
  const base::BytesView bytes = whole.expose(SecretAccess{});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Bytes cut = base::to_bytes(bytes.first(size));
    EXPECT_FALSE(decode_root_answer(base::SecretBytes::take(cut))) << size;
  }
  Bytes longer = base::to_bytes(bytes);
  longer.push_back(0);
  EXPECT_TRUE(
      decode_root_answer(base::SecretBytes::take(longer)).error().is(Errc::malformed_response));
}

TEST(RootRequests, OfAnyOtherFormAreRefused) {
  const Bytes whole = encode(RootRequest{1, 1, {}});
  EXPECT_TRUE(decode_root_request(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_root_request(base::BytesView(whole).first(size))) << size;
  const auto asked = encode(1, RequestBody(GetRequest{"a", 1}));
  EXPECT_FALSE(decode_root_request(asked.expose(SecretAccess{})));
}

}  // namespace
}  // namespace concordat::keyservice
