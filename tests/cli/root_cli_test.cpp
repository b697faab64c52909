// `concordat root` against a custodian's own answers: what is asked, printed, and ended with.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "keyservice/recovery/set.hpp"
#include "policy/errc.hpp"
#include "tests/cli/local_channel.hpp"
#include "tests/cli/operator_cli.hpp"
#include "tests/cli/run_cli.hpp"
#include "peer/error.hpp"
#include "tests/support/golden.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using keyservice::Root;
using nlohmann::json;
using test::expect_golden;

using Operations = std::vector<std::string>;

// The policy pins two generations, and the custodian holds both; the first one seals.
class RootCli : public OperatorCli {
 protected:
  RootCli() {
    at_.further_ = R"(, {"generation": 2, "state": "read_only", "commitment": ")" +
                   second_.commitment().hex() + "\"}";
    at_.custody_.take(Root::from_prk(2, second_.prk()).value(), "acme");
    at_.custody_.pin(*at_.world_.policy(1));
    at_.status_->audit_log.root_generation = 1;
    configure(R"("custodian": {"role": "custodian"}, "payments": {"role": "payments"})");
  }
  // What the parent says of its enclaves.
  void configure(const std::string& enclaves) {
    parent_of_["/v1/status"] = {200, R"({"topology": {"enclaves": {)" + enclaves + "}}}"};
  }
  Outcome root(std::vector<std::string> arguments) {
    open_next([this] { return std::make_unique<LocalChannel>(custodian(), at_, operations_); });
    arguments.insert(arguments.begin(), "root");
    return run_at_custodian(std::move(arguments));
  }
  json root_json(std::vector<std::string> arguments, int status = 0) {
    arguments.emplace_back("--json");
    const Outcome ended = root(std::move(arguments));
    EXPECT_EQ(ended.status, status) << ended.err;
    return json::parse(ended.out, nullptr, false);
  }
  std::string code(std::vector<std::string> arguments) {
    const json refused = root_json(std::move(arguments), 2);
    EXPECT_FALSE(refused.at("ok"));
    return refused.at("code");
  }
  void expect(const std::string& golden, const Outcome& ended, int status = 0) {
    EXPECT_EQ(ended.status, status) << ended.out << ended.err;
    expect_golden("tests/cli/golden/root_" + golden + ".txt", ended.out + ended.err);
  }
  // As after `policy set --current-root 2` and `policy push`.
  void make_second_current() {
    at_.world_.edit_policy = [edit = at_.world_.edit_policy](std::string text) {
      text = test::replaced(edit(std::move(text)), R"("state": "read_only")", R"("state": "x")");
      text = test::replaced(std::move(text), R"("state": "current")", R"("state": "read_only")");
      return test::replaced(std::move(text), R"("state": "x")", R"("state": "current")");
    };
    at_.dana_admitted_.reset();
    at_.custody_.pin(*at_.world_.policy(1));
    at_.status_->audit_log.root_generation = 2;
  }
  std::vector<std::string> asked() { return std::exchange(operations_, {}); }
  // As an operator has made it with `keys create`, of the generation that seals then.
  void create_derived(const std::string& name) {
    const std::uint32_t seals = at_.custody_.journal().generation();
    at_.custody_.keyring().create({name,
                                   keyservice::KeyType::derived,
                                   false,
                                   at_.now_,
                                   {keyservice::KeyOrigin::derived, seals, {}}},
                                  [](const auto& created) { ASSERT_TRUE(created); });
  }

  Root second_ = Root::create(2, base::SecretBytes::random(keyservice::kRootSize)).value();
  keyservice::AdministeredCustodian at_;
  std::vector<std::string> operations_;  // that were asked for
};

TEST_F(RootCli, StatusSaysWhatLeansOnWhich) {
  create_derived("reports/daily");
  expect("status", root({"status"}));
  expect_golden("tests/cli/golden/root_status.json", root_json({"status"}).dump(2) + "\n");
  EXPECT_EQ(asked(), (Operations{"root-status", "root-status"}));
}

TEST_F(RootCli, StatusSaysWhatIsNotHeld) {
  keyservice::AdministeredCustodian lacking;
  lacking.further_ = at_.further_;
  lacking.status_->audit_log.root_generation = 0;
  open_next([&] { return std::make_unique<LocalChannel>(custodian(), lacking, operations_); });
  expect("status_not_held", run_at_custodian({"root", "status"}));
}

TEST_F(RootCli, MakeWritesTheGenesisDocumentOfTheSignersChallenge) {
  const Bytes document{1, 2, 3};
  std::string challenged;
  at_.server_.make_roots_by([&](const keyservice::GenesisChallenge& challenge,
                                const policy::PolicyPtr&, const auto& done) {
    challenged = challenge.hex();
    done(document);
  });
  const std::string challenge(64, 'a');
  const std::string out = path("genesis-2.cbor");
  const Outcome made = root({"make", "--challenge", challenge, "--out", out});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(made.out, "wrote " + out + ": now `concordat policy pin-root`, and sign\n");
  EXPECT_EQ(challenged, challenge);
  EXPECT_EQ(base::read_file(out, 100).value(), document);
  EXPECT_EQ(root_json({"make", "--challenge", challenge, "--out", out}),
            (json{{"ok", true}, {"document", out}}));
  EXPECT_EQ(asked(), (Operations{"root-make", "root-make"}));
}

TEST_F(RootCli, WhatIsNotMadeIsNotWritten) {
  const std::string out = path("genesis-2.cbor");
  EXPECT_EQ(code({"make", "--challenge", std::string(64, 'a'), "--out", out}), "not_ready");
  at_.server_.make_roots_by(
      [](const keyservice::GenesisChallenge&, const policy::PolicyPtr&, const auto& done) {
        done(Error(keyservice::Errc::root_already_pinned, "remove 'root-2'"));
      });
  const Outcome refused = root({"make", "--challenge", std::string(64, 'a'), "--out", out});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("remove 'root-2'"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(out));
  operations_.clear();
  EXPECT_EQ(root({"make", "--challenge", "abc", "--out", out}).status, 2) << "no 32 bytes";
  EXPECT_TRUE(operations_.empty()) << "nothing was asked for";
}

// These tests' custodian finds in the store what their parent tells the operator.
class RootAnew : public RootCli {
 protected:
  RootAnew() {
    at_.server_.make_roots_by(
        [this](const keyservice::GenesisChallenge&, const policy::PolicyPtr&, const auto& done) {
          if (is_made_meanwhile_) return done(Error(keyservice::Errc::not_ready));
          const bool has_room =
              std::ranges::none_of(std::array{kBlob, kDocument}, [&](const char* name) {
                return parent_of_[name].status == 200 &&
                       std::ranges::none_of(removed_,
                                            [&](const auto& gone) { return gone.first == name; });
              });
          if (!has_room) return done(Error(keyservice::Errc::root_already_pinned));
          ++made_;
          done(Bytes{1, 2, 3});
        });
    // The policy of the operator's file pins none yet: the next one is the first.
    parent_of_[kBlob] = parent_of_[kDocument] = {404, "{}"};
    answers_to_removals_ = 204;
  }
  Outcome anew(Operations more = {}) {
    more.insert(more.begin(), {"make", "--challenge", std::string(64, 'a'), "--out",
                               path("genesis"), "--anew"});
    return root(std::move(more));
  }
  std::string refusal(Operations more = {}) {
    more.emplace_back("--json");
    const Outcome ended = anew(std::move(more));
    EXPECT_EQ(ended.status, 2) << ended.out;
    EXPECT_FALSE(std::filesystem::exists(path("genesis")));
    EXPECT_EQ(made_, 0);
    (void)asked();
    return json::parse(ended.out).at("code");
  }

  static constexpr const char* kBlob = "/v1/store/custodian/root-1";
  static constexpr const char* kDocument = "/v1/store/custodian/genesis-1";
  const std::string digest_ = base::sha256({base::as_bytes("sealed")}).hex();
  const std::string copy_ = path("genesis.replaced-" + digest_.substr(0, 16));
  bool is_made_meanwhile_ = false;
  int made_ = 0;
};

// Of its own first try, perhaps: between blob and document.
TEST_F(RootAnew, WhatIsBeingMadeIsNotRemoved) {
  parent_of_[kBlob] = {200, "sealed"};
  is_made_meanwhile_ = true;
  EXPECT_EQ(refusal({"--yes"}), "not_ready");
  EXPECT_TRUE(removed_.empty());
}

TEST_F(RootAnew, ReplacesWhatWasCutShortOnceItIsConfirmed) {
  parent_of_[kBlob] = {200, "sealed"};
  EXPECT_EQ(refusal(), "not_confirmed");
  EXPECT_TRUE(removed_.empty());
  EXPECT_FALSE(std::filesystem::exists(copy_));
  const Outcome asked_for = anew();
  EXPECT_NE(asked_for.err.find("'root-1' in folder custodian of the parent's store, 6 bytes, "
                               "SHA-256 " + digest_),
            std::string::npos)
      << "it says what it would replace: " << asked_for.err;

  const Outcome made = anew({"--yes"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(removed_, (std::vector<std::pair<std::string, std::string>>{{kBlob, digest_}}));
  EXPECT_EQ(base::read_file(copy_, 100).value(), base::to_bytes(base::as_bytes("sealed")));
  EXPECT_EQ(base::read_file(path("genesis"), 100).value(), (Bytes{1, 2, 3}));
  EXPECT_EQ(made_, 1);
  EXPECT_NE(made.err.find("removed 'root-1'"), std::string::npos) << made.err;
}

TEST_F(RootAnew, ReplacesADocumentWithoutItsBlob) {
  parent_of_[kDocument] = {200, "sealed"};
  EXPECT_EQ(anew({"--yes"}).status, 0);
  EXPECT_EQ(removed_.at(0).first, kDocument);
}

TEST_F(RootAnew, WithNothingToReplaceItIsMakeAlone) {
  const json made = json::parse(anew({"--json"}).out);
  EXPECT_TRUE(made.at("ok"));
  EXPECT_TRUE(made.at("replaced").is_null());
  EXPECT_TRUE(removed_.empty());
}

TEST_F(RootAnew, WhatCanBePinnedIsNotReplaced) {
  parent_of_[kBlob] = parent_of_[kDocument] = {200, "sealed"};
  EXPECT_EQ(refusal({"--yes"}), "genesis_complete");
  EXPECT_TRUE(removed_.empty());
}

TEST_F(RootAnew, ThePolicysPinnedGenerationsAreNotLookedAt) {
  at_.server_.make_roots_by(
      [](const keyservice::GenesisChallenge&, const policy::PolicyPtr&, const auto& done) {
        done(Error(keyservice::Errc::root_already_pinned));
      });
  write_policy(test::replaced(text_of_now(), "\"generations\": []",
                              R"("generations": [{"generation": 1, "state": "current", )"
                              R"("commitment": ")" +
                                  std::string(64, 'a') + "\"}]"),
               {0, 1});
  parent_of_[kBlob] = {200, "sealed"};
  parent_of_["/v1/store/custodian/root-2"] = parent_of_["/v1/store/custodian/genesis-2"] = {404,
                                                                                            "{}"};
  EXPECT_EQ(refusal({"--yes"}), "root_already_pinned") << "and nothing is found of generation 2";
  EXPECT_TRUE(removed_.empty()) << "root-1 is the pinned root's only copy";
}

TEST_F(RootAnew, AStoreThatDoesNotRemoveIsNoRoom) {
  parent_of_[kBlob] = {200, "sealed"};
  answers_to_removals_ = 412;  // another content is there by now
  EXPECT_EQ(refusal({"--yes"}), "parent_refused");
  parent_of_[kBlob] = {500, "{}"};
  EXPECT_EQ(refusal({"--yes"}), "parent_refused");
}

TEST_F(RootCli, RotateTakesOverOnce) {
  create_derived("reports/daily");
  expect("rotate", root({"rotate", "--generation", "2"}));
  EXPECT_EQ(at_.custody_.journal().generation(), 2u);
  const auto since = at_.custody_.journal().generation_since();
  const json again = root_json({"rotate", "--generation", "2"});
  EXPECT_EQ(again.at("sealing"), 2);
  EXPECT_EQ(again.at("since"), since) << "it takes over once";
  EXPECT_EQ(code({"rotate", "--generation", "1"}), "generation_passed");
  EXPECT_EQ(code({"rotate", "--generation", "3"}), "unknown_generation");
}

// An operator's way that breaks: before what was asked gets there, or before the answer is back.
class CutChannel final : public OperatorChannel {
 public:
  CutChannel(std::unique_ptr<OperatorChannel> through, std::size_t whole, bool arrives)
      : through_(std::move(through)), whole_(whole), arrives_(arrives) {}
  const policy::AdmittedPeer& enclave() const noexcept override { return through_->enclave(); }
  base::Result<keyservice::AdminReply> ask(
      keyservice::AdminRequest request,
      const keyservice::AdminResponseReader::OnPart& on_part) override {
    if (asked_++ < whole_) return through_->ask(std::move(request), on_part);
    if (arrives_) (void)through_->ask(std::move(request), on_part);
    return Error(peer::Errc::truncated);
  }

 private:
  std::unique_ptr<OperatorChannel> through_;
  std::size_t whole_, asked_ = 0;
  bool arrives_;
};

// One rotation that is cut, and then run again.
class CutRotation : public RootCli {
 public:
  void TestBody() override {}
  // With so many questions answered; whether the way broke.
  bool is_broken_after(std::size_t whole, bool arrives) {
    create_derived("reports/daily");
    open_next([&, whole, arrives] {
      return std::make_unique<CutChannel>(
          std::make_unique<LocalChannel>(custodian(), at_, operations_), whole, arrives);
    });
    const Outcome ended = run_at_custodian({"root", "rotate", "--generation", "2"});
    EXPECT_TRUE(ended.status == 0 || ended.status == 1) << ended.err;
    const auto since = at_.custody_.journal().generation_since();
    run_again();
    EXPECT_TRUE(since == 0 || at_.custody_.journal().generation_since() == since) << "once";
    return ended.status != 0;
  }
  // With that call of the store failing; whether there were so many.
  bool is_failed_at(std::size_t call, test::MemoryStore::Failure failure) {
    create_derived("reports/daily");
    test::MemoryStore& store = at_.loaded_.store;
    const std::size_t before = store.calls();
    store.fail_call(before + call, failure);
    (void)root({"rotate", "--generation", "2"});
    const bool has_failed = store.calls() >= before + call;
    store.fail_no_more();
    run_again();
    return has_failed;
  }

 private:
  void run_again() {
    const json status = root_json({"rotate", "--generation", "2"});
    EXPECT_EQ(status.at("sealing"), 2);
    EXPECT_EQ(status.at("since"), at_.custody_.journal().generation_since());
    EXPECT_FALSE(status.at("snapshot_wanting"));
    EXPECT_FALSE(at_.custody_.journal().needs_older_generation());
  }
};

TEST(CutRotations, GoOnWhereTheOperatorsWayBroke) {
  for (const bool arrives : {false, true}) {
    std::size_t whole = 0;
    while (CutRotation().is_broken_after(whole, arrives))
      ++whole;
    EXPECT_EQ(whole, 4u) << "status, taking over, status, and status at the end";
  }
}

TEST(CutRotations, GoOnWhereTheStoreFailed) {
  using Failure = test::MemoryStore::Failure;
  for (const Failure failure : {Failure::refused, Failure::lost_answer, Failure::full}) {
    std::size_t call = 1;
    while (CutRotation().is_failed_at(call, failure))
      ++call;
    EXPECT_GT(call, 3u) << "an entry and the pieces of a snapshot are written";
  }
}

TEST_F(RootCli, RewrapAdoptsThenMovesTheRest) {
  EXPECT_EQ(root({"rotate", "--generation", "2"}).status, 0);
  (void)asked();
  expect("rewrap", root({"rewrap", "--adopt", "payments/card", "--adopt", "reports/daily"}));
  EXPECT_EQ(asked(), (Operations{"adopt", "adopt", "root-status", "root-status"}));
  EXPECT_EQ(at_.custody_.implicit_generation(), 1u) << "not without --implicit";
  const json moved = root_json({"rewrap", "--implicit"});
  EXPECT_EQ(moved.at("implicit"), 2);
  EXPECT_EQ(at_.custody_.for_making("payments/card")->root->generation(), 1u) << "kept its bytes";
  EXPECT_EQ(at_.custody_.for_making("other")->root->generation(), 2u);
}

TEST_F(RootCli, RetireIsRefusedWhileSomethingLeansOnIt) {
  create_derived("reports/daily");
  const json refused = root_json({"retire", "--generation", "1"}, 2);
  EXPECT_EQ(refused.at("code"), "generation_needed");
  EXPECT_EQ(root({"rotate", "--generation", "2"}).status, 0);
  EXPECT_EQ(code({"retire", "--generation", "1"}), "generation_needed") << "names without a record";
  EXPECT_EQ(root({"rewrap", "--implicit"}).status, 0);
  EXPECT_EQ(code({"retire", "--generation", "1"}), "generation_needed") << "a key's version";
  make_second_current();
  EXPECT_EQ(code({"retire", "--generation", "1"}), "generation_needed") << "a key's version";
  EXPECT_EQ(code({"retire", "--generation", "2"}), "generation_needed");
}

TEST_F(RootCli, RetireSaysThatNothingLeansOnIt) {
  EXPECT_EQ(root({"rotate", "--generation", "2"}).status, 0);
  EXPECT_EQ(root({"rewrap", "--implicit"}).status, 0);
  EXPECT_EQ(code({"retire", "--generation", "1"}), "generation_needed") << "it is the current one";
  make_second_current();
  at_.status_->audit_log.root_generation = 1;
  EXPECT_EQ(code({"retire", "--generation", "1"}), "generation_needed") << "the audit log";
  at_.status_->audit_log.root_generation = 2;
  expect("retire", root({"retire", "--generation", "1"}));
}

// Several custodians, of which those that answer have the first one's answers.
class RootRetirement : public RootCli {
 protected:
  RootRetirement() {
    EXPECT_EQ(root({"rotate", "--generation", "2"}).status, 0);
    EXPECT_EQ(root({"rewrap", "--implicit"}).status, 0);
    make_second_current();
    (void)asked();
    dialled_.clear();
    configure(R"("custodian": {"role": "custodian"}, "custodian-b": {"role": "custodian"})");
  }
  void answers() {
    open_next([this] { return std::make_unique<LocalChannel>(custodian(), at_, operations_); });
  }
  void is_gone() { refuse(Error(ParentErrc::unreachable, "nobody is there")); }
  Outcome retire(Operations more = {}) {
    more.insert(more.begin(), {"root", "retire", "--generation", "1"});
    return run_at_custodian(std::move(more));
  }
  json retire_json(int status, Operations more = {}) {
    more.emplace_back("--json");
    const Outcome ended = retire(std::move(more));
    EXPECT_EQ(ended.status, status) << ended.out << ended.err;
    return json::parse(ended.out, nullptr, false);
  }
  // A policy in the operator's hands that names one holder, of whom a set of each generation is.
  void name_a_holder() {
    std::string text = test::replaced(
        text_of_now(), "\"generations\": []",
        R"("generations": [{"generation": 1, "state": "read_only", "commitment": ")" +
            std::string(64, 'a') + R"("}, {"generation": 2, "state": "current", "commitment": ")" +
            second_.commitment().hex() + "\"}]");
    text = test::replaced(std::move(text), "\"recovery\": \"none\"",
                          R"("recovery": {"threshold": 1, "holders": {"erin": {"key": ")" +
                              erin_.public_key().hex() + "\"}}}");
    write_policy(text, {0, 1});
    const auto policy =
        policy::SignedPolicy::verify(authority_.sign(text).encode(), authority_.descriptor(),
                                     base::system_wall_clock())
            .value();
    const Root first = Root::create(1, base::SecretBytes::random(keyservice::kRootSize)).value();
    for (const Root* const of : {&first, &std::as_const(second_)}) {
      policy::MakeOrder order;
      order.realm = test::kRealm;
      order.policy = policy->digest();
      order.generation = of->generation();
      const auto set = keyservice::recovery::RecoverySet::make(*of, *policy, order).value();
      write("set-" + std::to_string(of->generation()),
            encode(keyservice::recovery::Package{set.encoded(), Bytes{1}}));
    }
  }

  base::hpke::PrivateKey erin_ = base::hpke::PrivateKey::generate();
};

TEST_F(RootRetirement, AsksEveryCustodianThatIsFoundOrNamed) {
  parent_of_["/v1/custodians"] = {
      200, R"({"custodians": [{"name": "custodian-b", "address": "tcp:10.0.0.1:7001"},
                              {"name": "east", "address": "tcp:10.0.0.2:7001"}]})"};
  for (int i = 0; i < 4; ++i)
    answers();
  expect("retire_all", retire({"--also", "west"}));
  EXPECT_EQ(dialled_, (Operations{"custodian", "custodian-b", "east", "west"}));
  EXPECT_EQ(asked(), Operations(4, "root-retire"));
  dialled_.clear();
  EXPECT_EQ(retire({"--list"}).out, "custodian\ncustodian-b\neast\n");
  EXPECT_EQ(retire_json(0, {"--list"}).at("custodians"),
            (json{"custodian", "custodian-b", "east"}));
  EXPECT_TRUE(dialled_.empty());
}

TEST_F(RootRetirement, TwoNamesForOneEnclaveHideNobody) {
  const auto enclave = custodian();
  for (int i = 0; i < 4; ++i) {
    open_next([&] { return std::make_unique<LocalChannel>(enclave, at_, operations_); });
  }
  const json refused = retire_json(1);
  EXPECT_TRUE(refused.at("custodians").at(0).at("asked"));
  EXPECT_EQ(refused.at("custodians").at(1).at("code"), "same_custodian");
  EXPECT_EQ(asked(), (Operations{"root-retire"}));
  EXPECT_TRUE(retire_json(0, {"--unreachable-ok", "custodian-b"}).at("ok"));
}

TEST_F(RootRetirement, OneThatNeedsItRefuses) {
  keyservice::AdministeredCustodian needing;
  needing.further_ = at_.further_;
  answers();
  open_next([&] { return std::make_unique<LocalChannel>(custodian(), needing, operations_); });
  expect("retire_needed", retire(), 2);
  answers();
  open_next([&] { return std::make_unique<LocalChannel>(custodian(), needing, operations_); });
  const json refused = retire_json(2, {"--unreachable-ok", "custodian-b"});
  EXPECT_EQ(refused.at("code"), "generation_needed") << "it is there, so its answer counts";
  EXPECT_EQ(refused.at("custodians").at(0), (json{{"name", "custodian"}, {"asked", true}}));
  EXPECT_EQ(refused.at("custodians").at(1).at("code"), "generation_needed");
}

TEST_F(RootRetirement, OneThatIsNotReachedRefusesUnlessItIsNamed) {
  answers();
  is_gone();
  expect("retire_not_asked", retire(), 1);
  answers();
  is_gone();
  const json refused = retire_json(1);
  EXPECT_EQ(refused.at("code"), "parent_unreachable");
  EXPECT_FALSE(refused.at("custodians").at(1).at("asked"));
  answers();
  is_gone();
  expect("retire_unreachable_ok", retire({"--unreachable-ok", "custodian-b"}));
  // A custodian that is refused by the handshake was not asked either.
  answers();
  refuse(Error(policy::AdmissionErrc::peer_role_unknown));
  EXPECT_EQ(retire_json(2).at("custodians").at(1).at("code"), "peer_role_unknown");
}

TEST_F(RootRetirement, SomebodyMustHaveBeenAsked) {
  is_gone();
  is_gone();
  EXPECT_FALSE(retire_json(1, {"--unreachable-ok", "custodian", "--unreachable-ok", "custodian-b"})
                   .at("ok"));
  dialled_.clear();
  EXPECT_EQ(retire_json(2, {"--unreachable-ok", "custodian-c"}).at("code"), "not_among_them")
      << "a mistyped name permits nothing";
  configure(R"("payments": {"role": "payments"})");
  EXPECT_EQ(retire_json(2).at("code"), "no_custodian") << "nobody is found";
  parent_of_["/v1/status"] = {200, "{}"};
  EXPECT_EQ(retire_json(2).at("code"), "no_custodian");
  parent_of_["/v1/custodians"] = {200, "{}"};
  EXPECT_EQ(retire_json(2).at("code"), "parent_not_understood");
  EXPECT_TRUE(dialled_.empty());
}

TEST_F(RootRetirement, TakesARecoverySetOfALaterGeneration) {
  name_a_holder();
  expect("retire_no_set", retire(), 2);
  EXPECT_EQ(retire_json(2, {"--set", path("set-1")}).at("code"), "no_recovery_set");
  EXPECT_TRUE(dialled_.empty()) << "nobody was asked";
  configure(R"("custodian": {"role": "custodian"})");
  answers();
  const json done = retire_json(0, {"--set", path("set-1"), "--set", path("set-2")});
  EXPECT_TRUE(done.at("recovery_set").is_string());
  answers();
  const json without = retire_json(0, {"--without-recovery-set"});
  EXPECT_TRUE(without.at("recovery_set").is_null());
  EXPECT_EQ(retire_json(1, {"--set", path("nowhere")}).at("code"), "cannot_read");
  // Whoever holds its shares is no holder any more.
  const auto set = base::read_file(path("set-2"), 100'000).value();
  erin_ = base::hpke::PrivateKey::generate();
  name_a_holder();
  write("set-2", set);
  EXPECT_EQ(retire_json(2, {"--set", path("set-2")}).at("code"), "no_recovery_set");
}

TEST_F(RootCli, ACustodianThatIsNotReachedIsNotAskedAndNotRefusing) {
  const std::vector<Operations> commands{
      {"status"},
      {"make", "--challenge", std::string(64, 'a'), "--out", path("genesis")},
      {"rotate", "--generation", "2"},
      {"rewrap", "--implicit"},
      {"retire", "--generation", "1"}};
  for (Operations command : commands) {
    command.insert(command.begin(), "root");
    const Outcome ended = run_at_custodian(command);
    EXPECT_EQ(ended.status, 1) << command.at(1);
    EXPECT_NE(ended.err.find("nobody"), std::string::npos) << ended.err;
    command.emplace_back("--json");
    const Outcome printed = run_at_custodian(command);
    EXPECT_EQ(json::parse(printed.out).at("code"), "parent_unreachable") << command.at(1);
  }
  EXPECT_FALSE(std::filesystem::exists(path("genesis")));
}

// A changed word is looked at.
TEST(RootCliHelp, SaysWhatEachCommandTakes) {
  const auto help = [](Operations arguments, const std::string& golden) {
    arguments.insert(arguments.begin(), "root");
    arguments.emplace_back("--help");
    const test::Ran ran = test::run_cli(arguments);
    EXPECT_EQ(ran.status, 0);
    expect_golden("tests/cli/golden/root" + golden + "_help.txt", ran.out);
  };
  help({}, "");
  for (const char* const name : {"status", "make", "rotate", "rewrap", "retire"})
    help({name}, "_" + std::string(name));
}

TEST(RootCliHelp, WrongUsageEndsWithOneAndSaysWhy) {
  const auto expect = [](Operations arguments, const std::string& words) {
    arguments.insert(arguments.begin(), "root");
    const test::Ran ran = test::run_cli(arguments);
    EXPECT_EQ(ran.status, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err.find(words), std::string::npos) << ran.err;
  };
  const Operations at{"--parent", "unix:/run/p", "--key", "k"};
  const auto with = [&](Operations arguments) {
    arguments.insert(arguments.end(), at.begin(), at.end());
    return arguments;
  };
  expect({}, "A subcommand is required");
  expect({"turn"}, "subcommand");
  expect({"status"}, "--parent");
  expect(with({"rotate"}), "--generation");
  expect(with({"rotate", "--generation", "two"}), "two");
  expect(with({"retire"}), "--generation");
  expect(with({"make", "--out", "f"}), "--challenge");
  expect(with({"make", "--challenge", "ab"}), "--out");
  expect({"rewrap", "--adopt"}, "--adopt");
}

}  // namespace
}  // namespace concordat::cli
