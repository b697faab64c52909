// `concordat root retire`: who is asked, who is in the way, and what is left to recover by.
#include <algorithm>

#include "keyservice/recovery/set.hpp"
#include "peer/error.hpp"
#include "policy/errc.hpp"
#include "tests/cli/root_cli.hpp"

namespace concordat::cli {
namespace {

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
  const json refused = retire_json(2);
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

}  // namespace
}  // namespace concordat::cli
