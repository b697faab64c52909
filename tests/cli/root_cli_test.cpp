// `concordat root` against a custodian's own answers: what is asked, printed, and ended with.
#include "tests/cli/root_cli.hpp"
#include "peer/error.hpp"
#include "policy/errc.hpp"

namespace concordat::cli {
namespace {

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
