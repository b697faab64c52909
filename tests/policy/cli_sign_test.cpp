// `concordat policy sign | verify`: files, output, exit statuses.
#include <sys/stat.h>

#include "tests/policy/policy_cli.hpp"

namespace concordat::cli {
namespace {

TEST_F(PolicyCli, ASealedKeySignsWithItsPassphraseOnly) {
  write_sample();
  write("pass", std::string_view("correct horse\n"));
  write("wrong", std::string_view("battery staple\n"));
  const auto with_fd = [&](const char* file, std::vector<std::string> arguments) {
    const base::Descriptor fd(::open(file, O_RDONLY | O_CLOEXEC));
    arguments.insert(arguments.end(), {"--passphrase-fd", std::to_string(fd.get())});
    return run_command(std::move(arguments));
  };
  ASSERT_EQ(with_fd("pass", {"keygen", "--out", "sealed"}).status, 0);
  const std::vector<std::string> sign{"policy", "sign", "--key", "sealed"};
  EXPECT_NE(run_command(sign).err.find("--passphrase-fd"), std::string::npos);
  EXPECT_NE(with_fd("wrong", sign).err.find("passphrase does not open"), std::string::npos);
  // Opened, but none of the authority's signers.
  EXPECT_NE(with_fd("pass", sign).err.find("none of the authority's signers"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("policy.signed.json"));
}

TEST_F(PolicyCli, SigningIsReproducible) {
  write_sample();
  EXPECT_EQ(policy({"sign", "--key", "signer-0"}).status, 0);
  const Outcome outcome = policy({"sign", "--key", "signer-1"});
  expect_golden("sign.txt", outcome.out);
  expect_golden("policy.signed.json", read("policy.signed.json"));
}

TEST_F(PolicyCli, SignRefusesASecondPolicyOfTheSameSerial) {
  write_sample();
  ASSERT_EQ(policy({"sign", "--key", "signer-0"}).status, 0);
  const std::string sample = read("policy.json");
  write("policy.json", replaced(sample, "\"seconds\": 3600", "\"seconds\": 60"));
  EXPECT_EQ(policy({"sign", "--key", "signer-1"}).status, 2);
  write("policy.json", test::sample_policy(authority_.descriptor(), 2));
  EXPECT_EQ(policy({"sign", "--key", "signer-1"}).status, 0);
  write("policy.json", sample);
  EXPECT_EQ(policy({"sign", "--key", "signer-1"}).status, 2);
}

TEST_F(PolicyCli, SignRefusesAKeyThatOthersCanRead) {
  write_sample();
  ASSERT_EQ(::chmod("signer-0", 0640), 0);
  const Outcome outcome = policy({"sign", "--key", "signer-0"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("chmod 600 signer-0"), std::string::npos);
}

TEST_F(PolicyCli, VerifyJudgesAsAnEnclaveDoes) {
  write_sample();
  ASSERT_EQ(policy({"sign", "--key", "signer-0"}).status, 0);
  const auto verify = [&](const char* at, bool json = false) {
    std::vector<std::string> arguments{"verify", "policy.signed.json", "--at", at};
    if (json) arguments.push_back("--json");
    return policy(arguments);
  };
  const Outcome one = verify("2026-01-06T00:00:00Z");
  EXPECT_EQ(one.status, 2);
  expect_golden("verify_too_few.txt", one.out);
  ASSERT_EQ(policy({"sign", "--key", "signer-1"}).status, 0);
  const Outcome accepted = verify("2026-01-06T00:00:00Z");
  EXPECT_EQ(accepted.status, 0);
  expect_golden("verify.txt", accepted.out);
  expect_golden("verify.json", verify("2026-01-06T00:00:00Z", true).out);
  const Outcome expired = verify("2026-01-31T00:00:00Z");
  EXPECT_EQ(expired.status, 2);
  expect_golden("verify_expired.txt", expired.out);
  EXPECT_EQ(verify("2025-12-31T23:59:59Z").status, 2);
  EXPECT_EQ(policy({"verify"}).status, 2) << "expired by now";
}

TEST_F(PolicyCli, VerifyShowsNothingThatNobodySigned) {
  write_sample();
  const test::TestAuthority strangers(1, 10);
  write("policy.signed.json", strangers.sign(read("policy.json")).encode());
  const Outcome outcome = policy({"verify", "--at", "2026-01-06T00:00:00Z", "--json"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.out.find("\"code\":\"too_few_signatures\""), std::string::npos);
  EXPECT_EQ(outcome.out.find("\"serial\""), std::string::npos);
  write("policy.signed.json", read("policy.json"));
  EXPECT_EQ(policy({"verify"}).status, 2);
  EXPECT_EQ(policy({"verify", "none.json"}).status, 1);
  EXPECT_EQ(policy({"verify", "--authority", "none.cbor"}).status, 1);
}

}  // namespace
}  // namespace concordat::cli
