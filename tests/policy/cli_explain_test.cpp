// `concordat policy check | explain | describe`: files, output, exit statuses.
#include "tests/policy/policy_cli.hpp"

namespace concordat::cli {
namespace {

TEST_F(PolicyCli, CheckShowsEveryError) {
  write_sample();
  std::string text = replaced(read("policy.json"), "\"serial\": 1", "\"serial\": \"one\"");
  text = replaced(text, "\"reports-1\"\n", "\"reports-2\"\n");
  text = replaced(text, "\"keys\": \"payments/*\",", "\"keys\": \"payments/*\", \"limit\": 5,");
  write("policy.json", text);
  const Outcome outcome = policy({"check"});
  EXPECT_EQ(outcome.status, 2);
  expect_golden("check.txt", outcome.out);
  expect_golden("check.json", policy({"check", "--json"}).out);
}

TEST_F(PolicyCli, CheckWarnsOfRolesThatAreOne) {
  write_sample();
  std::string text = replaced(read("policy.json"), "\"reports-1\"\n", "\"payments-1\"\n");
  // Valid today, so that what is warned of is the same every day.
  const base::UnixMillis now = base::system_wall_clock();
  text = replaced(text, "2026-01-01T00:00:00Z", base::format_rfc3339(now));
  text = replaced(text, "2026-01-31T00:00:00Z",
                  base::format_rfc3339(now + std::chrono::hours(24 * 30)));
  write("policy.json", text);
  const Outcome outcome = policy({"check"});
  EXPECT_EQ(outcome.status, 0);
  expect_golden("check_warnings.txt", outcome.out);
}

TEST_F(PolicyCli, ExplainNamesTheRegistersThatDiffer) {
  write_sample();
  lab::EnclaveIdentity altered = enclave("payments-1");
  altered.pcr0 = test::image_pcr("altered", 0);
  altered.pcr2 = test::image_pcr("altered", 2);
  write_document(altered);
  const std::vector<std::string> arguments{"explain",    "--document", "document.cbor",
                                           "--lab-root", "root.der",   "--role",
                                           "payments",   "--purpose",  "keys"};
  const Outcome outcome = policy(arguments, true);
  EXPECT_EQ(outcome.status, 2);
  expect_golden("explain_altered.txt", masked(outcome.out));
  std::vector<std::string> json = arguments;
  json.push_back("--json");
  expect_golden("explain_altered.json", masked(policy(json, true).out));

  write_document(enclave("payments-1"));
  const Outcome admitted = policy(arguments, true);
  EXPECT_EQ(admitted.status, 0);
  expect_golden("explain_admitted.txt", masked(admitted.out));
  EXPECT_EQ(
      policy({"explain", "--document", "document.cbor", "--lab-root", "root.der"}, true).status, 0);
}

TEST_F(PolicyCli, ExplainSaysWhetherAKeyIsGranted) {
  write_sample();
  write_document(enclave("payments-1"));
  const auto explain = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"explain",  "--document", "document.cbor", "--lab-root",
                                       "root.der", "--role",     "payments"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return policy(arguments, true);
  };
  const Outcome granted = explain({"--key", "payments/card", "--operation", "sign", "--json"});
  EXPECT_EQ(granted.status, 0) << granted.err;
  EXPECT_NE(
      granted.out.find("\"grant\":{\"granted\":true,\"keys\":\"payments/*\",\"audited\":true}"),
      std::string::npos)
      << granted.out;
  const Outcome in_words = explain({"--key", "payments/card", "--operation", "sign"});
  EXPECT_NE(in_words.out.find("granted by payments/*, with an entry in the audit log\n"),
            std::string::npos)
      << in_words.out;
  ASSERT_EQ(policy({"set", "--audited-uses", "secret"}).status, 0);
  ASSERT_EQ(policy({"grant", "payments", "payments/card", "public"}).status, 0);
  const Outcome silent = explain({"--key", "payments/card", "--operation", "public"});
  EXPECT_NE(silent.out.find("granted by payments/card, without an entry in the audit log\n"),
            std::string::npos)
      << silent.out << silent.err;
  const Outcome refused = explain({"--key", "reports/daily", "--operation", "get"});
  EXPECT_EQ(refused.status, 2);
  expect_golden("explain_not_granted.txt", masked(refused.out));
  EXPECT_EQ(explain({"--key", "reports/daily"}).status, 1);
  EXPECT_EQ(explain({"--key", "reports/daily", "--operation", "steal"}).status, 1);
}

TEST_F(PolicyCli, DescribeSaysItInWords) {
  write_full();
  const Outcome outcome = policy({"describe"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("describe.txt", outcome.out);
  write("policy.signed.json", authority_.sign(read("policy.json"), {0}).encode());
  expect_golden("describe.json", policy({"describe", "policy.signed.json", "--json"}).out);
  write_sample();
  expect_golden("describe_sample.txt", policy({"describe"}).out);
  EXPECT_NE(policy({"describe", "--authority", "authority.cbor"}).out.find("2 of 3 signers sign"),
            std::string::npos);
  const test::TestAuthority successor(2);
  write("next.json", test::sample_policy(successor.descriptor(), 2));
  expect_golden("describe_successor.txt",
                policy({"describe", "next.json", "--authority", "authority.cbor"}).out);
  const Outcome json = policy({"describe", "next.json", "--authority", "authority.cbor", "--json"});
  EXPECT_NE(json.out.find("\"redo\":[{\"step\":\"policy\""), std::string::npos) << json.out;
  EXPECT_EQ(policy({"describe", "--authority", "none.cbor"}).status, 1);
  write("policy.json", std::string_view("{}"));
  EXPECT_EQ(policy({"describe"}).status, 2);
  EXPECT_EQ(policy({"describe", "none.json"}).status, 1);
}

TEST_F(PolicyCli, CheckShowsWhatIsDoubtful) {
  write_full();
  std::string text = read("policy.json");
  text = replaced(text, "\"keys\": \"reports/daily\"", "\"keys\": \"payments/card\"");
  text = replaced(text, "\"role\": \"reports\"", "\"role\": \"payments\"");
  text = replaced(text, "[\n        \"reports-1\"\n      ]", "[]");
  write("policy.json", text);
  const Outcome outcome = policy({"check"});
  EXPECT_EQ(outcome.status, 0);
  expect_golden("check_doubtful.txt", outcome.out);
}

TEST_F(PolicyCli, OnlyTheLabsTwinTrustsALabRoot) {
  write_sample();
  write_document(enclave("payments-1"));
  EXPECT_EQ(policy({"explain", "--document", "document.cbor", "--lab-root", "root.der"}).status, 1);
  const Outcome outcome = policy({"explain", "--document", "document.cbor"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace concordat::cli
