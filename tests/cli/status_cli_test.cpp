// `concordat status`, with a custodian played by the test.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "keyservice/custodian_status.hpp"
#include "keyservice/error.hpp"
#include "peer/error.hpp"
#include "policy/errc.hpp"
#include "policy/freshness.hpp"
#include "tests/cli/operator_cli.hpp"
#include "tests/support/golden.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using keyservice::AdminReply;
using nlohmann::json;

// Always the same.
keyservice::CustodianStatus sample_status() {
  keyservice::CustodianStatus status;
  status.enclave = {"1.2.3", "i-0123456789abcdef0-enc0123456789abcdef", {}};
  for (unsigned index = 0; index < 3; ++index) {
    status.enclave.pcrs.emplace(static_cast<std::uint8_t>(index),
                                test::image_pcr("custodian-1", index));
  }
  status.role = "custodian";
  status.policy_serial = 7;
  status.policy_digest = base::sha256({base::as_bytes("policy")});
  status.root.emplace().generation = 1;
  status.keyring.emplace();
  status.keyring->is_loaded = true;
  status.keyring->keys = 12;
  status.keyring->head = {34, base::sha256({base::as_bytes("head")})};
  status.audit_log = {true, "", 1234, test::kNow, 5};
  status.now = test::kNow;
  status.uptime = std::chrono::hours(77);
  status.anchor_age = std::chrono::seconds(9);
  status.counts = {1, 2, 3, 4, 5, 6};
  status.channels = {{"payments", 2}, {"reports", 1}};
  status.operator_channels = {{"dana", 1}};
  status.memory = {3, 4096, 0};
  return status;
}

class FakeChannel final : public OperatorChannel {
 public:
  FakeChannel(policy::AdmittedPeer enclave,
              std::vector<Result<keyservice::CustodianStatus>> answers)
      : enclave_(std::move(enclave)), answers_(std::move(answers)) {}
  const policy::AdmittedPeer& enclave() const noexcept override { return enclave_; }
  Result<AdminReply> ask(keyservice::AdminRequest request,
                         const keyservice::AdminResponseReader::OnPart&) override {
    EXPECT_EQ(request.operation(), "status");
    const auto answer = answers_.at(asked_++);
    if (!answer) return answer.error();
    return AdminReply{1, keyservice::AdminReplyKind::last, 1, encode(*answer), {}};
  }

 private:
  policy::AdmittedPeer enclave_;
  std::vector<Result<keyservice::CustodianStatus>> answers_;
  std::size_t asked_ = 0;
};

class StatusCli : public OperatorCli {
 protected:
  using Answers = std::vector<Result<keyservice::CustodianStatus>>;
  // The next channel that is opened answers this.
  void serve(Answers answers) {
    open_next([this, answers = std::move(answers)] {
      return std::make_unique<FakeChannel>(custodian(), answers);
    });
  }
  Outcome status(std::vector<std::string> more = {}, bool is_lab = false) {
    return run_at_custodian({"status"}, std::move(more), is_lab);
  }
  // What differs from run to run.
  static std::string masked(std::string text) {
    const std::size_t at = text.find("-enc");
    return at == text.npos ? text : text.replace(at + 4, 16, "................");
  }
};

TEST_F(StatusCli, ShowsWhatTheCustodianSays) {
  serve({sample_status()});
  const Outcome text = status();
  EXPECT_EQ(text.status, 0) << text.err;
  test::expect_golden("tests/cli/golden/status.txt", masked(text.out));
  serve({sample_status()});
  const Outcome printed = status({"--json"});
  EXPECT_EQ(printed.status, 0);
  test::expect_golden("tests/cli/golden/status.json",
                      masked(json::parse(printed.out).dump(2) + "\n"));
  EXPECT_EQ(enclave_, "custodian");
}

TEST_F(StatusCli, ShowsWhatIsWrongWithIt) {
  keyservice::CustodianStatus bad = sample_status();
  bad.root.reset();
  bad.memory.unlocked_slabs = 2;
  bad.keyring->is_loaded = false;
  bad.trouble = "generation_not_held";
  bad.audit_log = {false, "audit_unavailable: it is \x1b[2Jnot open", 0, {}, 0};
  bad.channels.clear();
  bad.operator_channels = {{"da\x1b[2Jna", 1}};
  serve({bad});
  const Outcome text = status();
  EXPECT_NE(text.out.find("not unsealed"), std::string::npos);
  EXPECT_NE(text.out.find("2 NOT LOCKED"), std::string::npos);
  EXPECT_NE(text.out.find("keyring     NOT LOADED: it serves no key; 12 keys"), std::string::npos);
  EXPECT_NE(text.out.find("serving     NOBODY: \"generation_not_held\""), std::string::npos);
  EXPECT_NE(text.out.find("audit log   TAKES NO ENTRY, and nothing that needs one is served: "
                          "\"audit_unavail"),
            std::string::npos);
  EXPECT_NE(text.out.find("channels    none"), std::string::npos);
  EXPECT_EQ(text.out.find('\x1b'), std::string::npos) << "foreign text moves no cursor";
}

TEST_F(StatusCli, ExitStatuses) {
  const struct {
    Error error;
    int status;
  } cases[] = {
      {Error(policy::AdmissionErrc::image_differs), 2},
      {Error(policy::AdmissionErrc::operator_unknown), 2},
      {Error(peer::Errc::refused_by_peer, "not_admitted"), 2},
      {Error(ParentErrc::unreachable), 1},
      {Error(peer::Errc::timed_out), 1},
      {Error(peer::Errc::truncated), 1},
  };
  for (const auto& c : cases) {
    refuse(c.error);
    const Outcome ended = status({"--json"});
    EXPECT_EQ(ended.status, c.status) << c.error.name();
    EXPECT_EQ(json::parse(ended.out).at("code"), c.error.name());
    EXPECT_NE(ended.err.find("concordat: status: "), std::string::npos);
  }
}

// As `keys` does.
TEST_F(StatusCli, ARefusalOfTheCustodianHasItsOwnCode) {
  serve({Error(keyservice::Errc::refused_by_custodian, "not_ready: later")});
  const Outcome ended = status({"--json"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(json::parse(ended.out).at("code"), "not_ready");
  EXPECT_NE(ended.err.find("the custodian refused: not_ready: later"), std::string::npos);
}

TEST_F(StatusCli, APolicyThatTooFewSignedOpensNothing) {
  write_policy(text_of_now(), {0});
  serve({sample_status()});
  const Outcome ended = status();
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("signatures"), std::string::npos) << ended.err;
  EXPECT_EQ(next_, 0u) << "no channel was asked for";
}

// Whose root is trusted is decided by the program, not by its caller.
TEST_F(StatusCli, OnlyTheLabsProgramCanBeToldAnotherRoot) {
  serve({sample_status()});
  EXPECT_EQ(status({"--lab-root", "root.der"}).status, 1);
  EXPECT_EQ(next_, 0u);
  EXPECT_EQ(status({"--lab-root", "root.der"}, true).status, 0);
  EXPECT_EQ(lab_root_, "root.der");
}

TEST_F(StatusCli, BringsTheStatementThatThePolicyWants) {
  const policy::SigningKey online = test::freshness_key();
  const std::string text = test::with_freshness(text_of_now(), online, std::chrono::seconds(60));
  write_policy(text, {0, 1});
  serve({sample_status()});
  EXPECT_EQ(status().status, 0) << "the handshake says what a missing statement means";
  EXPECT_EQ(asked_parent_, std::vector<std::string>{"/v1/freshness"});
  EXPECT_FALSE(confirmed_);

  const base::UnixMillis now = base::system_wall_clock();
  const auto signed_now =
      policy::SignedPolicy::verify(authority_.sign(text).encode(), authority_.descriptor(), now)
          .value();
  const auto statement = policy::sign_freshness(*signed_now, now, online).value();
  parent_ = {200, std::string(base::as_text(statement.encode()))};
  serve({sample_status()});
  EXPECT_EQ(status().status, 0);
  EXPECT_TRUE(confirmed_);
  parent_ = {200, "forged"};
  serve({sample_status()});
  EXPECT_EQ(status().status, 2);
}

TEST_F(StatusCli, StaysConnectedAndIsJudgedAnewWhenTheChannelEnds) {
  serve({sample_status(), Error(peer::Errc::truncated)});
  serve({sample_status(), Error(peer::Errc::truncated)});
  refuse(Error(policy::AdmissionErrc::operator_unknown));
  const Outcome ended = status({"--every", "1", "--json"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(next_, 3u);
  std::istringstream lines(ended.out);
  std::string line;
  std::vector<bool> ok;
  while (std::getline(lines, line))
    ok.push_back(json::parse(line).at("ok"));
  EXPECT_EQ(ok, (std::vector<bool>{true, true, false}));
}

TEST_F(StatusCli, HelpShowsHow) {
  const Outcome help = status({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* part : {"--parent", "--enclave", "--key", "--token", "--every",
                           "Examples:", "Exit status: 0 answered, 2 refused, 1"})
    EXPECT_NE(help.out.find(part), std::string::npos) << part;
  EXPECT_EQ(help.out.find("lab-root"), std::string::npos);
}

}  // namespace
}  // namespace concordat::cli
