// `concordat root` against a custodian's own answers: what is asked, printed, and ended with.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/cli/local_channel.hpp"
#include "tests/cli/operator_cli.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/golden.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using keyservice::Root;
using nlohmann::json;
using test::expect_golden;

// The policy pins two generations, and the custodian holds both; the first one seals.
class RootCli : public OperatorCli {
 protected:
  RootCli() {
    at_.further_ = R"(, {"generation": 2, "state": "read_only", "commitment": ")" +
                   second_.commitment().hex() + "\"}";
    at_.custody_.take(Root::from_prk(2, second_.prk()).value(), "acme");
    at_.custody_.pin(*at_.world_.policy(1));
    at_.status_->audit_log.root_generation = 1;
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

using Operations = std::vector<std::string>;

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

TEST_F(RootCli, RotateTakesOverOnce) {
  expect("rotate", root({"rotate", "--generation", "2"}));
  EXPECT_EQ(at_.custody_.journal().generation(), 2u);
  const auto since = at_.custody_.journal().generation_since();
  const json again = root_json({"rotate", "--generation", "2"});
  EXPECT_EQ(again.at("sealing"), 2);
  EXPECT_EQ(again.at("since"), since) << "it takes over once";
  EXPECT_EQ(code({"rotate", "--generation", "1"}), "generation_passed");
  EXPECT_EQ(code({"rotate", "--generation", "3"}), "unknown_generation");
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
