// A worker's link and a custodian in one process, with the real relay between them: channels are
// replaced before their life ends and nothing is lost, a newer policy ends the channels made under
// the older one, and a custodian that comes back is found again.
#include "keyservice/custodian_link_io.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/base/log.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/error.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "peer/preface_io.hpp"
#include "peer/relay/relay_io.hpp"
#include "policy/errc.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/support/at_once_recorder.hpp"
#include "tests/support/custody_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Result;
using test::Side;

constexpr std::chrono::seconds kPatience{60};  // what only a hanging link reaches

bool serial_is(const std::string& policy, std::uint64_t serial) {
  return policy.find("\"serial\": " + std::to_string(serial) + ",") != std::string::npos;
}

class LinkTest : public testing::Test {
 protected:
  LinkTest() {
    world_.edit_policy = [this](std::string text) {
      text = test::replaced(text, "\"generations\": []",
                            R"("generations": [{"generation": 1, "state": "current", )"
                            R"("commitment": ")" +
                                custody_.root().commitment().hex() + "\"}]");
      if (serial_is(text, ends_soon_)) {
        text = test::replaced(text, "2026-01-31T00:00:00Z", "2026-01-06T12:00:00Z");
      }
      if (serial_is(text, revoked_)) {
        text = test::replaced(text, "\"images\": [\n        \"payments-1\"\n      ]",
                              "\"images\": []");
      }
      const std::string any = "\"maximum_live\": \"any\"";
      const std::size_t limit = text.find(any, text.find("\"payments\": {"));
      text.replace(limit, any.size(), "\"maximum_live\": " + maximum_live_);
      return test::replaced(text, "\"records\": 1048576",
                            "\"records\": " + std::to_string(records_));
    };
  }

  // Installs policy `serial` on both sides and starts everything.
  void start(std::uint64_t serial) {
    const Bytes envelope = world_.envelope(serial);
    for (Side* side : {&worker_, &custodian_side_}) {
      (void)side->policies.install(envelope, world_.wall).value();
    }
    custodian_side_.party.policy_changed = [this] { custodian_->policy_changed(); };
    worker_.party.policy_changed = [this] { link_->policy_changed(); };
    peer::relay::Parts parts;
    parts.log = &log_;
    parts.route = [this](const peer::Source&, const peer::Target&) {
      return peer::relay::Route{peer::relay::Route::Kind::enclave, inbound_};
    };
    relay_ = std::make_unique<peer::relay::Relay>(io_, peer::relay::Limits{}, std::move(parts));
    (void)relay_
        ->listen(
            relay_endpoint_, {},
            [](const peer::PeerAddress&) { return std::optional(peer::Source{"enclave/worker"}); })
        .value();
    start_custodian();
    LinkOptions options;
    options.relay = relay_endpoint_;
    options.custodians = {"custodian"};
    link_ = std::make_unique<CustodianLink>(io_, worker_.party, worker_.nsm, log_, options);
    link_->start();
  }
  void start_custodian() {
    custodian_ = std::make_unique<Custodian>(custodian_side_.party, custodian_side_.nsm, custody_,
                                             recorder_, log_);
    custodian_->serve(peer::Listener::open(io_, inbound_).value());
  }

  void stop_custodian() {
    custodian_->stop();
    run_until([this] { return !link_->connected(); });
    custodian_.reset();
  }

  // Runs the io_context until `done`.
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }
  Result<ResponseBody> ask(const std::string& name) {
    std::optional<Result<ResponseBody>> answer;
    link_->request(GetRequest{name, 0},
                   [&](Result<ResponseBody> result) { answer.emplace(std::move(result)); });
    run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }
  static std::string failure(const Result<ResponseBody>& answer) {
    if (!answer) return answer.error().to_string();
    const auto* failure = std::get_if<Failure>(&*answer);
    return failure == nullptr ? "" : failure->code;
  }
  static bool released(const Result<ResponseBody>& answer) {
    return answer && std::holds_alternative<ReleasedKey>(*answer);
  }

  test::TemporaryFolder folder_;
  const peer::Endpoint relay_endpoint_ = peer::UnixEndpoint{(folder_.path() / "relay").string()};
  const peer::Endpoint inbound_ = peer::UnixEndpoint{(folder_.path() / "inbound").string()};
  base::Logger log_{"link_test", [](std::string_view) {}};
  std::uint64_t records_ = 1'048'576;
  std::string maximum_live_ = "\"any\"";
  std::uint64_t ends_soon_ = 0, revoked_ = 0;  // serials of policies that differ so
  // As a custodian that comes up anew finds the store: the root again, and what is there.
  void reload() {
    custody_.take(Root::create(1, root_.clone()).value(), "acme");
    custody_.load([](const base::Status& loaded) { ASSERT_TRUE(loaded); });
  }
  void create_key(const std::string& name) {
    NewVersion first{KeyOrigin::generated, 0, generate(KeyType::hmac, loaded_.random).value()};
    custody_.keyring().create({name, KeyType::hmac, true, test::kNow, std::move(first)},
                              [](const Result<KeySummary>& made) { ASSERT_TRUE(made); });
  }

  base::SecretBytes root_ = base::SecretBytes::random(kRootSize);
  test::LoadedCustody loaded_{"acme", 1, root_.clone()};
  Custody& custody_ = loaded_.custody;
  test::TestWorld world_;
  boost::asio::io_context io_{1};
  Side worker_{world_, io_, "payments-1", "payments"};
  Side custodian_side_{world_, io_, "custodian-1", "custodian"};
  std::unique_ptr<peer::relay::Relay> relay_;
  test::AtOnceRecorder recorder_;
  std::unique_ptr<Custodian> custodian_;
  std::unique_ptr<CustodianLink> link_;
};

TEST_F(LinkTest, ServesOverTheRelay) {
  start(1);
  EXPECT_TRUE(released(ask("payments/a")));
  const auto refused = ask("reports/daily");
  EXPECT_EQ(std::get<Failure>(*refused).code, "not_granted");
  EXPECT_EQ(custodian_->counts().handshakes, 1u);
}

TEST_F(LinkTest, MakesTheNextChannelBeforeTheOldOneEnds) {
  records_ = 50;  // a channel is spent after fifty records each way
  start(1);
  for (int i = 0; i < 150; ++i) {
    ASSERT_TRUE(released(ask("payments/a"))) << i;
    // Between requests the link notices that four fifths are used up.
    if (i % 40 == 39) {
      const auto before = link_->handshakes();
      run_until([&] { return link_->handshakes() > before; });
    }
  }
  EXPECT_GE(link_->handshakes(), 4u);
}

TEST_F(LinkTest, ManyRequestsInFlightSurviveTheReplacementOfTheirChannel) {
  records_ = 40;
  start(1);
  int answered = 0;
  int lost = 0;
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) {
    link_->request(GetRequest{"payments/a"}, [&](const Result<ResponseBody>& result) {
      ++(released(result) ? answered : lost);
    });
  }
  run_until([&] { return answered + lost == kRequests; });
  EXPECT_EQ(lost, 0);
}

TEST_F(LinkTest, ANewerPolicyEndsOldChannelsAndTheNextOneIsMadeUnderIt) {
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  const auto before = link_->handshakes();
  // It reaches the custodian alone; the worker learns it from the handshake's refusal.
  ASSERT_TRUE(custodian_side_.party.offer_policy(world_.envelope(2)));
  run_until([&] { return link_->handshakes() > before; });
  EXPECT_EQ(worker_.policies.latest()->serial(), 2u);
  EXPECT_TRUE(released(ask("payments/a")));
}

TEST_F(LinkTest, FindsACustodianThatComesBack) {
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  stop_custodian();
  start_custodian();
  EXPECT_TRUE(released(ask("payments/a")));
}

// The other way round: the worker has it first, and its custodian learns it from the handshake,
// even though its own has ended.
TEST_F(LinkTest, ACustodianWhosePolicyHasEndedTakesANewerOneFromItsWorker) {
  ends_soon_ = 1;
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  world_.wall = custodian_side_.policies.latest()->valid_until();
  custodian_->policy_lapsed(custodian_side_.policies.at(world_.wall).error());
  run_until([&] { return !link_->connected(); });
  ASSERT_TRUE(worker_.party.offer_policy(world_.envelope(2)));
  EXPECT_TRUE(released(ask("payments/a")));
  EXPECT_EQ(custodian_side_.policies.latest()->serial(), 2u);
}

TEST_F(LinkTest, AWorkerWhosePolicyHasEndedHoldsNothingAndTakesANewerOneFromItsCustodian) {
  ends_soon_ = 1;
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  world_.wall = worker_.policies.latest()->valid_until();
  link_->policy_lapsed(worker_.policies.at(world_.wall).error());
  EXPECT_TRUE(ask("payments/a").error().is(policy::SignatureErrc::expired));
  EXPECT_FALSE(link_->connected());
  ASSERT_TRUE(custodian_side_.party.offer_policy(world_.envelope(2)));
  run_until([&] { return worker_.policies.latest()->serial() == 2; });
  link_->policy_usable();
  EXPECT_TRUE(released(ask("payments/a")));
}

TEST_F(LinkTest, ACustodianOnAnOlderStoreServesNobodyOnceAPeerSawMoreOfIt) {
  start(1);
  create_key("payments/a");
  const auto yesterday = loaded_.shared.records;
  create_key("payments/b");
  const auto today = loaded_.shared.records;
  ASSERT_TRUE(released(ask("payments/b")));
  ASSERT_EQ(link_->seen()->head.position, 2u);

  stop_custodian();
  loaded_.shared.records = yesterday;
  reload();
  start_custodian();
  EXPECT_EQ(failure(ask("payments/a")), "rolled_back");
  EXPECT_NE(custodian_->report().find("rolled_back"), std::string::npos) << "it says so";

  // The store that was looked for is served again, without a restart.
  loaded_.shared.records = today;
  custody_.load([](const base::Status& loaded) { ASSERT_TRUE(loaded); });
  EXPECT_TRUE(released(ask("payments/b")));
}

TEST_F(LinkTest, ACustodianThatWentOnFromAnOlderStoreServesNobodyEither) {
  start(1);
  create_key("payments/a");
  const auto yesterday = loaded_.shared.records;
  create_key("payments/b");
  ASSERT_TRUE(released(ask("payments/b")));
  stop_custodian();
  loaded_.shared.records = yesterday;
  reload();
  create_key("payments/other");
  create_key("payments/more");
  start_custodian();
  EXPECT_EQ(failure(ask("payments/a")), "forked");
  reload();
  create_key("payments/yet-another");
  EXPECT_EQ(failure(ask("payments/a")), "forked") << "of the same channel, which told it once";
  // What was refused told the worker nothing that would take its head's place.
  EXPECT_EQ(link_->seen()->head.position, 2u);
  stop_custodian();
  const auto fork = loaded_.shared.records;
  test::LoadedCustody next("acme", 1, root_.clone());
  next.shared.records = fork;
  next.custody.take(Root::create(1, root_.clone()).value(), "acme");
  next.custody.load([](const base::Status& loaded) { ASSERT_TRUE(loaded); });
  custodian_ = std::make_unique<Custodian>(custodian_side_.party, custodian_side_.nsm, next.custody,
                                           recorder_, log_);
  custodian_->serve(peer::Listener::open(io_, inbound_).value());
  EXPECT_EQ(failure(ask("payments/a")), "forked") << "of a custodian that starts anew";
  stop_custodian();
}

// Heads that come while the root is still being unsealed count when it is there.
TEST_F(LinkTest, ACustodianWithoutItsRootKeepsTheHeadsThatWorkersBring) {
  start(1);
  create_key("payments/a");
  const auto yesterday = loaded_.shared.records;
  create_key("payments/b");
  ASSERT_TRUE(released(ask("payments/b")));
  stop_custodian();
  test::LoadedCustody next("acme", 1, root_.clone());
  next.shared.records = yesterday;
  next.custody.wipe();
  custodian_ = std::make_unique<Custodian>(custodian_side_.party, custodian_side_.nsm, next.custody,
                                           recorder_, log_);
  custodian_->serve(peer::Listener::open(io_, inbound_).value());
  EXPECT_EQ(failure(ask("payments/a")), "not_ready");
  next.custody.take(Root::create(1, root_.clone()).value(), "acme");
  next.custody.load([](const base::Status& loaded) { ASSERT_TRUE(loaded); });
  EXPECT_EQ(failure(ask("payments/a")), "rolled_back");
  stop_custodian();
}

// One that is only behind, as another custodian may be by some seconds, reads what it lacks first.
TEST_F(LinkTest, ACustodianThatIsBehindReadsTheStoreBeforeItAnswers) {
  start(1);
  test::MemoryStore other_store(loaded_.shared);
  other_store.answers_later = false;
  Custody other(other_store, loaded_.random);
  other.take(Root::create(1, root_.clone()).value(), "acme");
  other.load([](const base::Status& loaded) { ASSERT_TRUE(loaded); });
  create_key("payments/a");
  ASSERT_TRUE(released(ask("payments/a")));
  stop_custodian();
  custodian_ = std::make_unique<Custodian>(custodian_side_.party, custodian_side_.nsm, other,
                                           recorder_, log_);
  custodian_->serve(peer::Listener::open(io_, inbound_).value());
  const auto answer = ask("payments/a");
  ASSERT_TRUE(released(answer)) << failure(answer);
  EXPECT_EQ(std::get<ReleasedKey>(*answer).type, KeyType::hmac) << "and not an implicit key";
  custodian_.reset();
}

TEST_F(LinkTest, KnowsWhetherItsCustodianServes) {
  start(1);
  EXPECT_TRUE(link_->state().error().is(Errc::custodian_unreachable));
  run_until([&] { return link_->state().has_value(); });
  custody_.wipe();
  custodian_->look_at_serving();
  run_until([&] { return !link_->state(); });
  EXPECT_TRUE(link_->connected());
  EXPECT_TRUE(link_->state().error().is(Errc::custodian_not_serving));
  EXPECT_EQ(link_->state().error().detail(), "root_missing");
  EXPECT_EQ(failure(ask("payments/a")), "not_ready");
  reload();
  custodian_->look_at_serving();
  run_until([&] { return link_->state().has_value(); });
  stop_custodian();
  EXPECT_TRUE(link_->state().error().is(Errc::custodian_unreachable));
}

// What a custodian may not say ends its channel, and what it said before is forgotten.
TEST_F(LinkTest, ASignOfLifeThatIsNoneEndsTheChannel) {
  start(1);
  run_until([&] { return link_->state().has_value(); });
  custodian_.reset();
  run_until([&] { return !link_->connected(); });
  const auto listener = peer::Listener::open(io_, inbound_).value();
  std::shared_ptr<peer::SecureStream> stream;
  std::optional<base::Status> ended;
  listener->start([&](peer::StreamSocket socket, const peer::PeerAddress&) {
    peer::async_read_source(
        std::move(socket), kPatience, [&](peer::StreamSocket accepted, const auto&) {
          peer::SecureStream::Events events;
          events.established = [&](const policy::AdmittedPeer&) {
            const Bytes record{0x83, 0x00, 0x64, 'b', 'e', 'a', 't', 0x61, ' '};
            ASSERT_TRUE(stream->send(record));
          };
          events.record = [](const auto&) {};
          events.ended = [&](const base::Status& status) { ended = status; };
          stream = peer::SecureStream::respond(std::move(accepted), custodian_side_.party,
                                               custodian_side_.nsm, std::move(events));
        });
  });
  run_until([&] { return ended.has_value(); });
  EXPECT_FALSE(*ended) << "not in order";
  run_until([&] { return link_->state().error().is(Errc::malformed_response); });
  link_->stop();
}

TEST_F(LinkTest, ARevokedImageLosesItsChannelAndIsRefusedByName) {
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  revoked_ = 2;
  ASSERT_TRUE(custodian_side_.party.offer_policy(world_.envelope(2)));
  run_until([&] { return custodian_->report().find("role_has_no_image") != std::string::npos; });
  EXPECT_FALSE(link_->connected());
}

TEST_F(LinkTest, ARoleHasNoMoreLiveEnclavesThanPolicySays) {
  maximum_live_ = "1";
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  // The same enclave once more replaces its channel and is not counted twice.
  ASSERT_TRUE(worker_.party.offer_policy(world_.envelope(2)));
  ASSERT_TRUE(released(ask("payments/a")));

  Side second(world_, io_, "payments-1", "payments");
  (void)second.policies.install(world_.envelope(2), world_.wall).value();
  LinkOptions options;
  options.relay = relay_endpoint_;
  options.custodians = {"custodian"};
  CustodianLink link(io_, second.party, second.nsm, log_, options);
  link.start();
  run_until([&] { return custodian_->report().find("role_full") != std::string::npos; });
  EXPECT_FALSE(link.connected());
  // A place that becomes free is taken.
  link_->stop();
  run_until([&] { return link.connected(); });
  link.stop();
}

TEST_F(LinkTest, TheReportSaysWhatWasReleasedToWhomAndWhoWasRefused) {
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  ASSERT_TRUE(released(ask("payments/a")));
  (void)ask("reports/daily");
  const auto report = nlohmann::json::parse(custodian_->report());
  ASSERT_EQ(report["releases"].size(), 1u) << "what was denied is not released";
  const auto& release = report["releases"][0];
  EXPECT_EQ(release["key"], "payments/a");
  EXPECT_EQ(release["operation"], "get");
  EXPECT_EQ(release["version"], 1);
  EXPECT_EQ(release["count"], 2);
  EXPECT_EQ(release["role"], "payments");
  EXPECT_EQ(release["image"], "payments-1");
  EXPECT_FALSE(release["module_id"].get<std::string>().empty());
  EXPECT_EQ(report["policy"]["serial"], 1);
}

TEST_F(LinkTest, AnAlteredWorkerGetsNoChannel) {
  start(1);
  ASSERT_TRUE(released(ask("payments/a")));
  Side altered(world_, io_, "reports-1", "payments");
  (void)altered.policies.install(world_.envelope(1), world_.wall).value();
  LinkOptions options;
  options.relay = relay_endpoint_;
  options.custodians = {"custodian"};
  CustodianLink link(io_, altered.party, altered.nsm, log_, options);
  const auto refused = custodian_->counts().refused;
  link.start();
  run_until([&] { return custodian_->counts().refused > refused; });
  EXPECT_FALSE(link.connected());
  link.stop();
  const auto refusal = nlohmann::json::parse(custodian_->report())["refusals"][0];
  EXPECT_EQ(refusal["code"], "image_differs");
  EXPECT_EQ(refusal["source"], "enclave/worker");
  EXPECT_EQ(refusal["role"], "payments");
  EXPECT_EQ(refusal["registers"][0], "PCR0");
}

}  // namespace
}  // namespace concordat::keyservice
