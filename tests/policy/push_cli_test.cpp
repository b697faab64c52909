// `concordat policy push` and `concordat policy freshness`, with parents played by the test.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/cli/commands.hpp"
#include "policy/freshness.hpp"
#include "policy/signed_policy.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using nlohmann::json;

struct Outcome {
  int status = 0;
  std::string out, err;
};

class PushCli : public testing::Test {
 protected:
  PushCli() {
    const base::UnixMillis now = base::system_wall_clock();
    const auto time = [](base::UnixMillis at) {
      return base::format_rfc3339({at.value / 1000 * 1000});
    };
    text_ = test::replaced(test::sample_policy(authority_.descriptor(), 7), "2026-01-01T00:00:00Z",
                           time(now - std::chrono::hours(1)));
    text_ = test::replaced(text_, "2026-01-31T00:00:00Z", time(now + std::chrono::hours(24)));
    text_ = test::with_freshness(text_, key_, std::chrono::seconds(60));
    write("policy.signed.json", authority_.sign(text_).encode());
    write("authority.cbor", authority_.descriptor().encoded());
    write_key("online.key", key_);
    write_key("alice.key", authority_.key(0));
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  void write(const std::string& name, base::BytesView content) const {
    ASSERT_TRUE(base::write_file(path(name), content));
  }
  void write_key(const std::string& name, const policy::SigningKey& key) const {
    const auto file = key.encode(nullptr).value();
    ASSERT_TRUE(base::write_file(path(name), file.expose(base::SecretAccess{}), 0600));
  }

  Outcome policy(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "policy");
    std::vector<const char*> argv{"concordat"};
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    std::ostringstream out, err;
    Invocation invocation{.program = "concordat", .out = out, .err = err};
    invocation.call_parent = [this](const peer::Endpoint& endpoint, const ParentRequest& request) {
      requests_.push_back(request);
      const auto answer = answers_.find(peer::to_string(endpoint));
      return answer == answers_.end()
                 ? Result<ParentAnswer>(base::Error(ParentErrc::unreachable, "nobody listens"))
                 : Result<ParentAnswer>(answer->second);
    };
    const int status = run(static_cast<int>(argv.size()), argv.data(), invocation);
    return {status, out.str(), err.str()};
  }
  Outcome push(std::vector<std::string> more) {
    more.insert(more.begin(), {"push", "--policy", path("policy.signed.json")});
    return policy(std::move(more));
  }
  Outcome freshness(const std::string& command, const std::string& key,
                    std::vector<std::string> more) {
    more.insert(more.begin(), {"freshness", command, "--key", path(key), "--policy",
                               path("policy.signed.json"), "--authority", path("authority.cbor")});
    return policy(std::move(more));
  }
  [[nodiscard]] bool is_fresh(base::BytesView statement) const {
    const base::UnixMillis now = base::system_wall_clock();
    const auto signed_policy =
        policy::SignedPolicy::verify(authority_.sign(text_).encode(), authority_.descriptor(), now);
    return policy::FreshnessStatement::verify(statement, **signed_policy, now).has_value();
  }

  test::TemporaryFolder folder_;
  test::TestAuthority authority_;
  policy::SigningKey key_ = test::freshness_key();
  std::string text_;
  std::map<std::string, ParentAnswer> answers_;
  std::vector<ParentRequest> requests_;
};

TEST_F(PushCli, HandsTheVeryFileToEveryParent) {
  answers_ = {{"unix:/a", {200, R"({"told": 2})"}},
              {"tcp:127.0.0.1:7201", {200, R"({"told": 0})"}}};
  const Outcome done = push({"--parent", "unix:/a", "--parent", "tcp:127.0.0.1:7201"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out,
            "unix:/a took the policy (serial 7); 2 enclaves told at once\n"
            "tcp:127.0.0.1:7201 took the policy (serial 7); 0 enclaves told at once\n");
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[0].method, "PUT");
  EXPECT_EQ(requests_[0].target, "/v1/policy");
  EXPECT_EQ(requests_[1].body, base::as_text(authority_.sign(text_).encode()));
}

TEST_F(PushCli, ARefusalIsToldWithTheParentsWordsAndTheOthersGoOn) {
  answers_ = {{"unix:/a", {409, R"({"error": {"code": "policy_serial_lower", "message": "no"}})"}},
              {"unix:/b", {200, R"({"told": 1})"}}};
  const Outcome done =
      push({"--parent", "unix:/a", "--parent", "unix:/b", "--parent", "unix:/c", "--json"});
  EXPECT_EQ(done.status, 2);
  EXPECT_NE(done.err.find("unix:/a: policy_serial_lower: no"), std::string::npos) << done.err;
  const json out = json::parse(done.out);
  EXPECT_FALSE(out["ok"]);
  EXPECT_EQ(out["parents"][0]["code"], "parent_refused");
  EXPECT_EQ(out["parents"][1]["told"], 1);
  EXPECT_EQ(out["parents"][2]["code"], "parent_unreachable");
  EXPECT_EQ(push({"--parent", "unix:/c"}).status, 1) << "only not reached";
  EXPECT_EQ(push({"--parent", "vsock:16:7100"}).status, 1);
  EXPECT_EQ(push({}).status, 1);
}

TEST_F(PushCli, ForceIsPassedOn) {
  answers_ = {{"unix:/a", {200, "{}"}}};
  EXPECT_EQ(push({"--parent", "unix:/a", "--force"}).status, 0);
  EXPECT_EQ(requests_[0].target, "/v1/policy?force=true");
}

TEST_F(PushCli, AFileThatIsNoPolicyGoesNowhere) {
  write("policy.signed.json", base::as_bytes("{}"));
  EXPECT_EQ(push({"--parent", "unix:/a"}).status, 2);
  EXPECT_EQ(policy({"push", "--policy", path("absent"), "--parent", "unix:/a"}).status, 1);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(PushCli, SignsAStatementThatEnclavesTake) {
  const Outcome done = freshness("sign", "online.key", {"--out", path("now.json"), "--json"});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(json::parse(done.out)["serial"], 7);
  EXPECT_TRUE(is_fresh(base::read_file(path("now.json"), 4096).value()));
  // Pushed behind the policy that it is for.
  answers_ = {{"unix:/a", {200, "{}"}}};
  EXPECT_EQ(push({"--parent", "unix:/a", "--freshness", path("now.json")}).status, 0);
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[1].target, "/v1/freshness");
}

TEST_F(PushCli, SignsOnlyWithTheKeyThatThePolicyNames) {
  const Outcome done = freshness("sign", "alice.key", {"--out", path("now.json"), "--json"});
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(json::parse(done.out)["code"], "freshness_not_signed");
  EXPECT_FALSE(std::filesystem::exists(path("now.json")));
  // Nor a policy that no enclave would take.
  write("policy.signed.json", authority_.sign(text_, {0}).encode());
  EXPECT_EQ(freshness("sign", "online.key", {"--out", path("now.json")}).status, 2);
}

TEST_F(PushCli, ServesOneRound) {
  answers_ = {{"unix:/a", {200, R"({"told": 3})"}}};
  const Outcome done = freshness("serve", "online.key", {"--parent", "unix:/a", "--once"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(done.out.find("unix:/a took the freshness (serial 7 at "), std::string::npos);
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].target, "/v1/freshness");
  EXPECT_TRUE(is_fresh(base::as_bytes(requests_[0].body)));
  answers_ = {{"unix:/a", {409, "{}"}}};
  EXPECT_EQ(freshness("serve", "online.key", {"--parent", "unix:/a", "--once"}).status, 2);
}

}  // namespace
}  // namespace concordat::cli
