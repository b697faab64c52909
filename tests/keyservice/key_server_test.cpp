#include "keyservice/key_server.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/limits.hpp"
#include "tests/peer/dialogue.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

// Who asks was admitted by a real handshake under the sample policy: payments may get and sign
// "payments/*", reports may get "reports/daily". Tests edit the grants.
class KeyServerTest : public testing::Test {
 protected:
  KeyServerTest() { pin(custody_.root().commitment()); }
  void pin(const RootCommitment& commitment) {
    world_.edit_policy = [this, commitment](std::string text) {
      text = test::replaced(text, "\"generations\": []",
                            R"("generations": [{"generation": 1, "state": "current", )"
                            R"("commitment": ")" +
                                commitment.hex() + "\"}]");
      if (grants_.empty()) return text;
      auto policy = nlohmann::ordered_json::parse(text);
      policy["grants"] = nlohmann::ordered_json::parse("[" + grants_ + "]");
      return policy.dump(2);
    };
  }
  static std::string grant(const std::string& keys, const std::string& operations,
                           const std::string& limit = "\"none\"",
                           const std::string& expires = "never") {
    return R"({"role": "payments", "keys": ")" + keys + R"(", "operations": [)" + operations +
           R"(], "use_limit": )" + limit + R"(, "expires": ")" + expires + R"("})";
  }
  policy::AdmittedPeer admitted(const std::string& image, const std::string& role) {
    test::TestEnclave worker(world_, image, role);
    peer::Dialogue dialogue(world_, worker, custodian_);
    dialogue.run();
    return peer::enclave_of(std::move(dialogue.responder()).take_established());
  }
  ServedRequest serve(const policy::AdmittedPeer& peer, BytesView record,
                      std::uint64_t serial = 1) {
    ServedRequest served;
    bool is_done = false;
    server_.serve(world_.policy(serial), peer, record, now_, [&](ServedRequest done) {
      EXPECT_FALSE(std::exchange(is_done, true)) << "answered twice";
      served = std::move(done);
    });
    loaded_.shared.run();
    EXPECT_TRUE(is_done);
    return served;
  }
  ResponseBody ask(const policy::AdmittedPeer& peer, const RequestBody& body) {
    const SecretBytes record = encode(1, body);
    const ServedRequest served = serve(peer, record.expose(SecretAccess{}));
    return std::move(decode_response(served.response, operation_of(body)).value().body);
  }
  static std::string code(const ResponseBody& body) {
    const auto* failure = std::get_if<Failure>(&body);
    return failure == nullptr ? "" : failure->code;
  }
  static Bytes envelope(const ResponseBody& body) { return std::get<MadeEnvelope>(body).envelope; }
  static SecretBytes secret(Bytes bytes) { return SecretBytes::take(bytes); }
  void create(const std::string& name, KeyType type, bool exportable = false) {
    NewVersion first{KeyOrigin::generated, 0, generate(type, loaded_.random).value()};
    Result<KeySummary> created = Error(Errc::not_ready);
    custody_.keyring().create({name, type, exportable, test::kNow, std::move(first)},
                              [&](Result<KeySummary> done) { created = std::move(done); });
    loaded_.shared.run();
    ASSERT_TRUE(created) << created.error().to_string();
  }
  void set_state(const std::string& name, VersionState state) {
    bool is_done = false;
    custody_.keyring().set_state(name, 0, state, true,
                                 [&](const auto& done) { is_done = done.has_value(); });
    loaded_.shared.run();
    ASSERT_TRUE(is_done);
  }

  peer::Now now_{test::kNow, {}};
  std::string grants_;  // in place of the sample policy's
  test::TestWorld world_;
  test::TestEnclave custodian_{world_, "custodian-1", "custodian"};
  test::LoadedCustody loaded_;
  Custody& custody_ = loaded_.custody;
  KeyServer server_{custody_};
};

TEST_F(KeyServerTest, ReleasesWhatIsGrantedAndNothingElse) {
  const auto payments = admitted("payments-1", "payments");
  const auto reports = admitted("reports-1", "reports");
  EXPECT_EQ(code(ask(payments, GetRequest{"payments/a", 0})), "");
  EXPECT_EQ(code(ask(reports, GetRequest{"payments/a", 0})), "not_granted");
  EXPECT_EQ(code(ask(reports, GetRequest{"reports/daily", 0})), "");
  EXPECT_EQ(code(ask(reports, SignRequest{"reports/daily", {1}})), "not_granted")
      << "get does not imply sign";
  EXPECT_EQ(code(ask(payments, GetRequest{"reports/daily", 0})), "not_granted");
  EXPECT_EQ(code(ask(payments, GetRequest{"payments/../x", 0})), "bad_key_name");
}

// Ed25519 gives one signature for a message, whether its key was kept ready or made ready again.
TEST_F(KeyServerTest, MoreSignersThanAreKeptReadySignAsBefore) {
  const auto payments = admitted("payments-1", "payments");
  const auto sign = [&](std::size_t number) {
    return envelope(ask(payments, SignRequest{"payments/" + std::to_string(number), {1, 2, 3}}));
  };
  const Bytes first = sign(0), second = sign(1);
  for (std::size_t number = 2; number <= kMaxReadySigners; ++number)
    EXPECT_NE(sign(number), first);
  EXPECT_EQ(sign(0), first);
  EXPECT_EQ(sign(1), second);
}

// The count of a session's runs: by the rule, for the roles that it names, once for each run.
class RunCountingTest : public KeyServerTest {
 protected:
  RunCountingTest() {
    const auto pinned = world_.edit_policy;
    world_.edit_policy = [this, pinned](const std::string& text) {
      auto policy = nlohmann::ordered_json::parse(pinned(text));
      policy["sessions"]["sums"] = {{"id", "sums/*"},
                                    {"protocol", "aggregate/1"},
                                    {"own_roles", own_roles_},
                                    {"runs_per_input", limit_},
                                    {"realms", nlohmann::ordered_json::object()}};
      return policy.dump(2);
    };
  }
  static CountRunRequest run(std::uint8_t input, std::uint8_t number) {
    CountRunRequest out{"sums/2026-11", "aggregate/1", {}, {}};
    out.input.mutable_view()[0] = input;
    out.run.mutable_view()[0] = number;
    return out;
  }
  // Answered when the store answers.
  void begin(const policy::AdmittedPeer& peer, const CountRunRequest& asked) {
    const SecretBytes record = encode(1, asked);
    server_.serve(world_.policy(1), peer, record.expose(SecretAccess{}), now_,
                  [this](const ServedRequest& served) {
                    outcomes_.emplace_back(served.outcome ? "" : served.outcome.error().name());
                  });
  }
  nlohmann::ordered_json limit_ = 2;
  std::vector<std::string> own_roles_{"payments"};
  std::vector<std::string> outcomes_;
};

TEST_F(RunCountingTest, CountsEachRunOnceUpToTheRulesLimit) {
  const auto payments = admitted("payments-1", "payments");
  EXPECT_EQ(std::get<RunCounted>(ask(payments, run(1, 1))).runs, 1u);
  EXPECT_EQ(std::get<RunCounted>(ask(payments, run(1, 1))).runs, 1u);
  EXPECT_EQ(std::get<RunCounted>(ask(payments, run(1, 2))).runs, 2u);
  EXPECT_EQ(code(ask(payments, run(1, 3))), "runs_used_up");
  EXPECT_EQ(std::get<RunCounted>(ask(payments, run(1, 2))).runs, 2u);
  EXPECT_EQ(code(ask(payments, run(2, 3))), "");
}

TEST_F(RunCountingTest, WhatNoRuleNamesIsRefusedAndNothingCounted) {
  const auto payments = admitted("payments-1", "payments");
  const auto reports = admitted("reports-1", "reports");
  CountRunRequest other = run(1, 1);
  other.name = "others/2026-11";
  EXPECT_EQ(code(ask(payments, other)), "session_unknown");
  other = run(1, 1);
  other.protocol = "aggregate/2";
  EXPECT_EQ(code(ask(payments, other)), "session_unknown");
  EXPECT_EQ(code(ask(reports, run(1, 1))), "session_unknown");
  EXPECT_TRUE(custody_.keyring().keys().runs().empty());
}

// Inputs and runs are what a worker says: one that lies keeps the journal from nobody.
TEST_F(RunCountingTest, ARoleHasItsRunsCountedNoFasterThanItMay) {
  own_roles_ = {"payments", "reports"};
  const auto payments = admitted("payments-1", "payments");
  const auto reports = admitted("reports-1", "reports");
  for (std::uint8_t input = 1; input <= kRunsCountedBurst; ++input)
    ASSERT_EQ(code(ask(payments, run(input, 1))), "");
  const std::size_t before = loaded_.store.calls();
  EXPECT_EQ(code(ask(payments, run(200, 1))), "run_rate_exceeded");
  // What was counted is told all the same.
  EXPECT_EQ(std::get<RunCounted>(ask(payments, run(1, 1))).runs, 1u);
  EXPECT_EQ(loaded_.store.calls(), before) << "the journal was asked";
  EXPECT_EQ(code(ask(reports, run(200, 1))), "");
  now_.monotonic = now_.monotonic + std::chrono::seconds(1);
  EXPECT_EQ(code(ask(payments, run(200, 1))), "");
  EXPECT_EQ(code(ask(payments, run(201, 1))), "run_rate_exceeded");
}

TEST_F(RunCountingTest, AnInputWhoseRunsAreUsedUpCostsTheJournalNothing) {
  limit_ = 1;
  const auto payments = admitted("payments-1", "payments");
  ASSERT_EQ(code(ask(payments, run(1, 1))), "");
  const std::size_t before = loaded_.store.calls();
  for (std::uint8_t number = 2; number <= kRunsCountedBurst + 2; ++number)
    ASSERT_EQ(code(ask(payments, run(1, number))), "runs_used_up");
  EXPECT_EQ(loaded_.store.calls(), before);
}

TEST_F(RunCountingTest, FewRunsOfARoleWaitForTheStore) {
  own_roles_ = {"payments", "reports"};
  const auto payments = admitted("payments-1", "payments");
  const auto reports = admitted("reports-1", "reports");
  loaded_.store.answers_later = true;
  for (std::uint8_t input = 1; input <= kMaxWaitingRuns; ++input)
    begin(payments, run(input, 1));
  EXPECT_TRUE(outcomes_.empty());
  begin(payments, run(200, 1));
  EXPECT_EQ(outcomes_, std::vector<std::string>{"too_many_waiting"});
  begin(reports, run(200, 1));
  EXPECT_EQ(outcomes_.size(), 1u) << "another role waits, too";
  loaded_.shared.run();
  EXPECT_EQ(outcomes_.size(), kMaxWaitingRuns + 2);
  EXPECT_EQ(std::ranges::count(outcomes_, ""), static_cast<long>(kMaxWaitingRuns) + 1);
  EXPECT_EQ(code(ask(payments, run(200, 1))), "");
}

TEST_F(RunCountingTest, ACountThatWaitedForTheStoreIsJudgedAgain) {
  const auto payments = admitted("payments-1", "payments");
  loaded_.store.answers_later = true;
  begin(payments, run(1, 1));
  // Somebody saw more of the journal than this store has.
  custody_.take_seen(vouch_for(custody_.root(), {100, {}}), "somebody", [](const base::Status&) {});
  loaded_.shared.run();
  EXPECT_EQ(outcomes_, std::vector<std::string>{"rolled_back"});
  EXPECT_EQ(custody_.keyring().keys().runs().runs_of("payments", run(1, 1).input), 1u);
}

TEST(RunGate, APlaceIsFreeWhenWhoeverWaitedIsGone) {
  RunGate gate;
  std::vector<RunGate::Place> places;
  for (std::size_t i = 0; i < kMaxWaitingRuns; ++i)
    places.push_back(gate.enter("payments", {}).value());
  // Refused for want of a place, nothing of the rate is taken.
  for (std::uint32_t i = 0; i < kRunsCountedBurst; ++i) {
    ASSERT_TRUE(gate.enter("payments", {}).error().is(KeyStateErrc::too_many_waiting));
  }
  places.pop_back();
  EXPECT_TRUE(gate.enter("payments", {}));
  EXPECT_TRUE(gate.enter("payments", {})) << "nobody kept the place";
}

TEST_F(RunCountingTest, WithoutALimitNothingIsWritten) {
  limit_ = "any";
  const auto payments = admitted("payments-1", "payments");
  EXPECT_EQ(std::get<RunCounted>(ask(payments, run(1, 1))).runs, 0u);
  EXPECT_TRUE(custody_.keyring().keys().runs().empty());
}

TEST_F(KeyServerTest, SignaturesVerifyAsOrdinaryEd25519) {
  grants_ = grant("payments/*", R"("sign", "public")");
  const auto payments = admitted("payments-1", "payments");
  const Bytes message{1, 2, 3};
  const auto half = ask(payments, PublicRequest{"payments/signer", 0});
  const auto& raw = std::get<GivenPublicKey>(half).raw;
  for (int i = 0; i < 2; ++i) {
    const auto made =
        decode_envelope(envelope(ask(payments, SignRequest{"payments/signer", message}))).value();
    EXPECT_EQ(made.key_name, "payments/signer");
    EXPECT_EQ(
        crypto_sign_verify_detached(made.body.data(), message.data(), message.size(), raw.data()),
        0);
  }
}

// What the operations are good for, and that each is granted by its own name only.
TEST_F(KeyServerTest, EveryOperationIsGrantedApart) {
  const Bytes message{1, 2, 3};
  const Bytes associated{7};
  grants_ = grant("payments/*",
                  R"("get", "sign", "verify", "encrypt", "decrypt", "wrap", "unwrap", "mac", )"
                  R"("derive", "random", "public")");
  auto payments = admitted("payments-1", "payments");
  const std::string name = "payments/all";
  const Bytes signature = envelope(ask(payments, SignRequest{name, message}));
  const Bytes tag = envelope(ask(payments, MacRequest{name, message}));
  const Bytes ciphertext =
      envelope(ask(payments, EncryptRequest{name, associated, secret({4, 5})}));
  const Bytes wrapped = envelope(ask(payments, WrapRequest{name, secret({6})}));
  const auto requests = [&] {
    std::vector<RequestBody> all;
    all.emplace_back(GetRequest{name, 0});
    all.emplace_back(SignRequest{name, message});
    all.emplace_back(VerifyRequest{name, message, signature});
    all.emplace_back(VerifyRequest{name, message, tag});
    all.emplace_back(EncryptRequest{name, associated, secret({4, 5})});
    all.emplace_back(DecryptRequest{name, associated, ciphertext});
    all.emplace_back(WrapRequest{name, secret({6})});
    all.emplace_back(UnwrapRequest{name, wrapped});
    all.emplace_back(MacRequest{name, message});
    all.emplace_back(DeriveRequest{name, 0, 16, {}, std::nullopt});
    all.emplace_back(RandomRequest{name, 16});
    all.emplace_back(PublicRequest{name, 0});
    return all;
  };
  for (const RequestBody& request : requests())
    EXPECT_EQ(code(ask(payments, request)), "") << request.index();
  EXPECT_TRUE(
      std::get<GivenBytes>(ask(payments, DecryptRequest{name, associated, ciphertext})).bytes ==
      secret({4, 5}));
  EXPECT_TRUE(std::get<GivenBytes>(ask(payments, UnwrapRequest{name, wrapped})).bytes ==
              secret({6}));
  EXPECT_EQ(code(ask(payments, DecryptRequest{name, {8}, ciphertext})), "authentication_failed");
  EXPECT_EQ(code(ask(payments, VerifyRequest{name, {1}, signature})), "authentication_failed");

  for (const policy::Operation granted :
       {policy::Operation::get, policy::Operation::sign, policy::Operation::verify,
        policy::Operation::encrypt, policy::Operation::decrypt, policy::Operation::wrap,
        policy::Operation::unwrap, policy::Operation::mac, policy::Operation::derive,
        policy::Operation::random, policy::Operation::public_key}) {
    grants_ = grant("payments/*", "\"" + std::string(policy::to_string(granted)) + "\"");
    payments = admitted("payments-1", "payments");
    for (const RequestBody& request : requests()) {
      EXPECT_EQ(code(ask(payments, request)), operation_of(request) == granted ? "" : "not_granted")
          << policy::to_string(granted) << " " << request.index();
    }
  }
}

TEST_F(KeyServerTest, AReleaseEndsWithGrantAndPolicyAndAfterAWhile) {
  const auto expires = [&](const std::string& grants) {
    grants_ = grants;
    const auto body = ask(admitted("payments-1", "payments"), GetRequest{"payments/a", 0});
    return std::get<ReleasedKey>(body).expires;
  };
  EXPECT_EQ(expires(grant("payments/*", "\"get\"")), test::kNow + kReleaseLifetime);
  const auto soon = test::kNow + std::chrono::seconds(60);
  EXPECT_EQ(expires(grant("payments/*", "\"get\"", "\"none\"", base::format_rfc3339(soon))), soon);
  const auto pinned = world_.edit_policy;
  world_.edit_policy = [&](std::string text) {
    return test::replaced(pinned(std::move(text)), "2026-01-31T00:00:00Z",
                          base::format_rfc3339(soon));
  };
  EXPECT_EQ(expires(grant("payments/*", "\"get\"")), soon);
}

TEST_F(KeyServerTest, UsesAreCountedAndAnUsedUpGrantGivesWayToTheNext) {
  grants_ = grant("payments/*", "\"sign\"", "2") + "," + grant("payments/a", "\"sign\"", "1");
  const auto payments = admitted("payments-1", "payments");
  const auto sign = [&](const std::string& name) {
    return code(ask(payments, SignRequest{name, {1}}));
  };
  EXPECT_EQ(sign("payments/a"), "");
  EXPECT_EQ(sign("payments/b"), "");
  EXPECT_EQ(sign("payments/b"), "use_limit_reached");
  EXPECT_EQ(sign("payments/a"), "") << "by the other grant";
  EXPECT_EQ(sign("payments/a"), "use_limit_reached");
  // A grant without a limit is found before those with one.
  grants_ += "," + grant("payments/b", "\"sign\"");
  const auto again = admitted("payments-1", "payments");
  EXPECT_EQ(code(ask(again, SignRequest{"payments/b", {1}})), "");
  EXPECT_EQ(code(ask(again, SignRequest{"payments/a", {1}})), "use_limit_reached");
}

TEST_F(KeyServerTest, AUseThatCannotBeRecordedIsNoUse) {
  grants_ = grant("payments/*", "\"sign\"", "1");
  const auto payments = admitted("payments-1", "payments");
  loaded_.store.fail_all(test::MemoryStore::Failure::refused);
  EXPECT_EQ(code(ask(payments, SignRequest{"payments/a", {1}})), "uses_not_recorded");
  loaded_.store.fail_no_more();
  EXPECT_EQ(code(ask(payments, SignRequest{"payments/a", {1}})), "");
}

TEST_F(KeyServerTest, WhatWaitsForTheStoreIsJudgedAgain) {
  grants_ = grant("payments/*", "\"sign\"", "5");
  const auto payments = admitted("payments-1", "payments");
  loaded_.store.answers_later = true;
  std::string outcome;
  const SecretBytes record = encode(1, SignRequest{"payments/a", {1}});
  const auto begin = [&] {
    server_.serve(world_.policy(1), payments, record.expose(SecretAccess{}), now_,
                  [&](const ServedRequest& served) {
                    outcome = served.outcome ? "served" : served.outcome.error().name();
                  });
  };
  begin();
  EXPECT_EQ(outcome, "") << "the use is not recorded yet";
  loaded_.shared.run();
  EXPECT_EQ(outcome, "served");
  outcome.clear();
  custody_.wipe();
  begin();
  EXPECT_EQ(outcome, "not_ready");
}

TEST_F(KeyServerTest, ARequestWhoseRootGoesIsNeverAnswered) {
  grants_ = grant("payments/*", "\"sign\"", "5");
  const auto payments = admitted("payments-1", "payments");
  loaded_.store.answers_later = true;
  const SecretBytes record = encode(1, SignRequest{"payments/a", {1}});
  server_.serve(world_.policy(1), payments, record.expose(SecretAccess{}), now_,
                [](const ServedRequest&) { FAIL() << "answered without a root"; });
  custody_.wipe();
  loaded_.shared.run();
}

// What the store answers later finds nobody: with the sanitizer, memory that is freed.
TEST_F(KeyServerTest, AServerThatGoesIsNotToldOfWaitingUses) {
  grants_ = grant("payments/*", "\"sign\"", "5") + "," + grant("payments/a", "\"sign\"", "5");
  const auto payments = admitted("payments-1", "payments");
  loaded_.store.answers_later = true;
  auto server = std::make_unique<KeyServer>(custody_);
  const SecretBytes record = encode(1, SignRequest{"payments/a", {1}});
  server->serve(world_.policy(1), payments, record.expose(SecretAccess{}), now_,
                [](const ServedRequest&) { FAIL() << "answered by nobody"; });
  server.reset();
  loaded_.shared.run();
}

TEST_F(KeyServerTest, WrappingAnotherKeyNeedsTheGrantToGetIt) {
  create("payments/wrapping", KeyType::aes256);
  create("payments/inner", KeyType::aes256, true);
  const RequestBody request = WrapRequest{"payments/wrapping", KeyReference{"payments/inner", 0}};
  grants_ = grant("payments/*", R"("wrap", "unwrap")");
  EXPECT_EQ(code(ask(admitted("payments-1", "payments"), request)), "not_granted");
  grants_ += "," + grant("payments/inner", "\"get\"", "1");
  const auto payments = admitted("payments-1", "payments");
  const auto wrapped = ask(payments, request);
  EXPECT_EQ(code(wrapped), "");
  const auto inner = ask(payments, UnwrapRequest{"payments/wrapping", envelope(wrapped)});
  EXPECT_EQ(std::get<GivenBytes>(inner).bytes.size(), 32u);
  EXPECT_EQ(code(ask(payments, request)), "use_limit_reached") << "it is a use of get";
}

TEST_F(KeyServerTest, KeysAreUsedAsTheyStand) {
  create("payments/s", KeyType::ed25519);
  grants_ = grant("payments/*", R"("get", "sign", "verify")");
  const auto payments = admitted("payments-1", "payments");
  const auto sign = [&] { return ask(payments, SignRequest{"payments/s", {1}}); };
  const Bytes first = envelope(sign());
  EXPECT_EQ(code(ask(payments, GetRequest{"payments/s", 0})), "not_exportable");

  NewVersion next{KeyOrigin::generated, 0, generate(KeyType::ed25519, loaded_.random).value()};
  custody_.keyring().rotate({"payments/s", 1, test::kNow, std::move(next), false},
                            [](const auto&) {});
  loaded_.shared.run();
  EXPECT_EQ(decode_envelope(envelope(sign())).value().key_version, 2u) << "not the ready signer's";
  EXPECT_EQ(code(ask(payments, VerifyRequest{"payments/s", {1}, first})), "");
  set_state("payments/s", VersionState::disabled);
  EXPECT_EQ(code(sign()), "key_disabled");
  EXPECT_EQ(code(ask(payments, VerifyRequest{"payments/s", {1}, first})), "key_disabled");
  set_state("payments/s", VersionState::enabled);
  EXPECT_EQ(code(sign()), "");
  set_state("payments/s", VersionState::destroyed);
  EXPECT_EQ(code(sign()), "key_destroyed");
  EXPECT_EQ(code(ask(payments, SignRequest{"payments/other", {1}})), "") << "an implicit one";
}

TEST_F(KeyServerTest, AKeyringThatIsNotLoadedServesNothing) {
  const auto payments = admitted("payments-1", "payments");
  auto root = Root::create(1, SecretBytes::random(kRootSize)).value();
  pin(root.commitment());
  custody_.take(std::move(root), "acme");
  const auto again = admitted("payments-1", "payments");
  EXPECT_EQ(code(ask(again, GetRequest{"payments/a", 0})), "not_ready");
}

TEST_F(KeyServerTest, AChannelMadeUnderAnotherPolicyIsServedNothing) {
  const auto payments = admitted("payments-1", "payments");
  const SecretBytes record = encode(1, GetRequest{"payments/a", 0});
  const ServedRequest served = serve(payments, record.expose(SecretAccess{}), 2);
  EXPECT_TRUE(served.outcome.error().is(Errc::not_ready));
}

TEST_F(KeyServerTest, ARootThatThePolicyReplacedServesNobody) {
  pin(Root::create(1, SecretBytes::random(kRootSize)).value().commitment());
  const auto payments = admitted("payments-1", "payments");
  EXPECT_EQ(code(ask(payments, GetRequest{"payments/a", 0})), "wrong_root");
  world_.edit_policy = {};
  const auto unpinned = admitted("payments-1", "payments");
  EXPECT_EQ(code(ask(unpinned, GetRequest{"payments/a", 0})), "wrong_root");
}

TEST_F(KeyServerTest, AnotherPurposeOpensNoKeys) {
  const auto pinned = world_.edit_policy;
  world_.edit_policy = [pinned](const std::string& text) {
    return test::replaced(pinned(text), "\"purposes\": {",
                          R"("purposes": {"tunnel/ledger": {"initiator": ["payments"], )"
                          R"("responder": ["custodian"]},)");
  };
  test::TestEnclave worker(world_, "payments-1", "payments");
  peer::Dialogue dialogue(world_, worker, custodian_);
  dialogue.purpose = "tunnel/ledger";
  dialogue.run();
  ASSERT_TRUE(dialogue.both_established());
  const auto peer = peer::enclave_of(std::move(dialogue.responder()).take_established());
  EXPECT_EQ(code(ask(peer, GetRequest{"payments/a", 0})), "not_ready");
}

// A worker that dialled the custodian admitted it too. That admits it to nothing: keys go to those
// who dial, even where a grant names the custodian's role.
TEST_F(KeyServerTest, WhoeverAnsweredAsCustodianIsServedNothing) {
  const auto pinned = world_.edit_policy;
  world_.edit_policy = [pinned](const std::string& text) {
    return test::replaced(pinned(text), "\"role\": \"payments\"", "\"role\": \"custodian\"");
  };
  test::TestEnclave worker(world_, "payments-1", "payments");
  peer::Dialogue dialogue(world_, worker, custodian_);
  dialogue.run();
  ASSERT_TRUE(dialogue.both_established());
  const auto answered = peer::enclave_of(std::move(dialogue.initiator()).take_established());
  ASSERT_EQ(answered.role(), "custodian");
  EXPECT_EQ(code(ask(answered, GetRequest{"payments/a", 0})), "not_ready");
}

TEST_F(KeyServerTest, MalformedRequestsGetAnAnswerWithTheirId) {
  const auto payments = admitted("payments-1", "payments");
  const Bytes bad{0x82, 0x05, 0x01};
  const ServedRequest served = serve(payments, bad);
  EXPECT_TRUE(served.outcome.error().is(Errc::malformed_request));
  EXPECT_EQ(response_id(served.response).value(), 5u);
}

}  // namespace
}  // namespace concordat::keyservice
