// `concordat policy diff | impact | revoke | ungrant`: files, output, exit statuses.
#include <nlohmann/json.hpp>

#include "tests/policy/policy_cli.hpp"

namespace concordat::cli {
namespace {

// What a custodian released under the full policy.
constexpr const char* kReport = R"({
  "format": "concordat/custodian-report/1",
  "since": "2026-01-06T11:00:00Z",
  "at": "2026-01-06T11:50:00Z",
  "policy": {"serial": 1, "digest": ""},
  "releases_complete": true,
  "releases": [
    {"role": "payments", "image": "payments-1",
     "module_id": "i-0123456789abcdef0-enc0123456789abcdef", "key": "payments/card", "version": 3,
     "operation": "get", "count": 2, "last": "2026-01-06T11:46:40Z"},
    {"role": "payments", "image": "payments-1",
     "module_id": "i-0123456789abcdef0-enc0123456789abcdef", "key": "payments/card", "version": 3,
     "operation": "sign", "count": 9, "last": "2026-01-06T11:46:40Z"},
    {"role": "reports", "image": "reports-1",
     "module_id": "i-00000000000000000-enc0123456789abcdef", "key": "reports/daily", "version": 1,
     "operation": "get", "count": 1, "last": "2026-01-06T11:46:40Z"}
  ],
  "refused": 0,
  "refusals": []
}
)";

class PolicyCompare : public PolicyCli {
 protected:
  PolicyCompare() {
    write_full();
    write("old.json", read("policy.json"));
    write("report.json", std::string_view(kReport));
  }
  // As another session of the same editor would leave it.
  void edit() {
    std::string text = read("policy.json");
    text = replaced(text, "\"serial\": 1", "\"serial\": 2");
    text = replaced(text, "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z");
    text = replaced(text, "\"keys\": \"payments/*\"", "\"keys\": \"payments/card\"");
    text = replaced(text, "[\n        \"reports-1\"\n      ]", "[]");
    write("policy.json", text);
  }
};

TEST_F(PolicyCompare, DiffSaysInWordsWhatChanges) {
  edit();
  const Outcome outcome = policy({"diff", "old.json", "policy.json"});
  EXPECT_EQ(outcome.status, 0);
  expect_golden("diff.txt", outcome.out);
  expect_golden("diff.json", policy({"diff", "old.json", "policy.json", "--json"}).out);
  EXPECT_EQ(policy({"diff", "old.json", "policy.json", "--exit-code"}).status, 2);
}

TEST_F(PolicyCompare, DiffSaysWhatAnotherAuthorityTakes) {
  write("a.json", test::sample_policy(authority_.descriptor()));
  write("b.json", test::sample_policy(test::TestAuthority(2).descriptor(), 2));
  const Outcome outcome = policy({"diff", "a.json", "b.json"});
  EXPECT_EQ(outcome.status, 0);
  expect_golden("diff_authority.txt", outcome.out);
}

TEST_F(PolicyCompare, DiffTakesSignedPoliciesToo) {
  write("old.signed.json", authority_.sign(read("old.json"), {0}).encode());
  const Outcome same = policy({"diff", "old.signed.json", "old.json", "--exit-code"});
  EXPECT_EQ(same.status, 0);
  EXPECT_EQ(same.out, "the same policy\n");
  write("spread.json", read("old.json") + "\n");
  EXPECT_EQ(policy({"diff", "old.json", "spread.json"}).out, "the same meaning, other bytes\n");
  write("broken.json", std::string_view("{}"));
  const Outcome broken = policy({"diff", "old.json", "broken.json"});
  EXPECT_EQ(broken.status, 2);
  EXPECT_NE(broken.err.find("broken.json: "), std::string::npos) << broken.err;
  EXPECT_EQ(policy({"diff", "old.json", "none.json"}).status, 1);
  EXPECT_EQ(policy({"diff", "old.json"}).status, 1);
}

TEST_F(PolicyCompare, ImpactNamesPatternsAndWithARecordVersions) {
  edit();
  const Outcome outcome = policy({"impact", "old.json", "policy.json"});
  EXPECT_EQ(outcome.status, 0);
  expect_golden("impact.txt", outcome.out);
  const std::vector<std::string> recorded{"impact", "old.json", "policy.json", "--released",
                                          "report.json"};
  expect_golden("impact_recorded.txt", policy(recorded).out);
  std::vector<std::string> json = recorded;
  json.push_back("--json");
  expect_golden("impact.json", policy(json).out);
  write_sample();
  // One of several that is cut is enough.
  write("cut.json",
        replaced(kReport, "\"releases_complete\": true", "\"releases_complete\": false"));
  const Outcome cut = policy({"impact", "old.json", "policy.json", "--released", "cut.json",
                              "--released", "report.json", "--json"});
  EXPECT_FALSE(nlohmann::json::parse(cut.out).at("received_complete").get<bool>());
  const Outcome none = policy({"impact", "policy.json", "policy.json"});
  EXPECT_EQ(none.status, 0);
  EXPECT_EQ(none.out.find("nobody loses anything\nnothing to rotate\n"), 0u) << none.out;
  write("policy.json", read("old.json"));
  EXPECT_EQ(policy({"impact", "old.json", "policy.json", "--released", "old.json"}).status, 2);
  EXPECT_EQ(policy({"impact", "old.json", "policy.json", "--released", "none.json"}).status, 1);
}

TEST_F(PolicyCompare, RevokeSaysWhatFollowsFromIt) {
  const Outcome outcome =
      policy({"revoke", "--instance", "i-0123456789abcdef0", "--operator", "dana"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("revoke.txt", outcome.out);
  EXPECT_TRUE(model().role("custodian")->instances->empty());
  EXPECT_TRUE(model().operators.empty());
  const Outcome image = policy({"revoke", "--image", "payments-1", "--released", "report.json",
                                "--in-force", "old.json", "--json"});
  EXPECT_EQ(image.status, 0) << image.err;
  expect_golden("revoke_image.json", image.out);
}

TEST_F(PolicyCompare, RevokeRefusesAndLeavesTheFile) {
  const std::string before = read("policy.json");
  EXPECT_EQ(policy({"revoke", "--image", "payments-9"}).status, 2);
  EXPECT_EQ(policy({"revoke", "--image", "payments-1", "--operator", "erin"}).status, 2);
  EXPECT_EQ(policy({"revoke", "--image", "payments-1", "--released", "none.json"}).status, 1);
  EXPECT_EQ(policy({"revoke", "--image", "payments-1", "--in-force", "none.json"}).status, 1);
  EXPECT_EQ(policy({"revoke"}).status, 1);
  EXPECT_EQ(policy({"revoke", "--from", "payments"}).status, 1);
  EXPECT_EQ(read("policy.json"), before);
}

TEST_F(PolicyCompare, UngrantSaysWhatFollowsFromIt) {
  const Outcome outcome = policy({"ungrant", "payments", "payments/*", "get"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("ungrant.txt", outcome.out);
  expect_golden("ungrant.json", policy({"ungrant", "reports", "reports/daily", "--json"}).out);
  EXPECT_EQ(policy({"ungrant", "reports", "reports/daily"}).status, 2);
  EXPECT_EQ(policy({"ungrant", "reports"}).status, 1);
}

}  // namespace
}  // namespace concordat::cli
