// `concordat policy kms-key-policy`: what it prints, word for word, and where.
#include <gtest/gtest.h>

#include "attest/base/file.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {
namespace {

using test::expect_golden;

constexpr const char* kAdmin = "arn:aws:iam::111122223333:role/key-admin";

class KmsKeyPolicyCli : public testing::Test {
 protected:
  KmsKeyPolicyCli() {
    write("policy.json", test::sample_policy(authority_.descriptor()));
    write("authority.cbor", base::as_text(authority_.descriptor().encoded()));
  }
  void write(const std::string& name, std::string_view content) {
    ASSERT_TRUE(base::write_file(folder_.path() / name, base::as_bytes(content)));
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  test::Ran policy(const std::string& command, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{
        "policy", command, "--policy", path("policy.json"), "--authority", path("authority.cbor")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_cli(arguments);
  }
  void enroll_custodian(const std::string& name, const std::vector<std::string>& more) {
    std::string measured = "{\"Measurements\": {";
    for (const unsigned index : {0u, 1u, 2u, 8u}) {
      measured += (index == 0 ? "\"PCR" : ", \"PCR") + std::to_string(index) + "\": \"" +
                  test::image_pcr(name, index).hex() + "\"";
    }
    write("measured.json", measured + "}}");
    std::vector<std::string> arguments{name, "--measurements", path("measured.json"), "--role",
                                       "custodian"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ASSERT_EQ(policy("enroll", arguments).status, 0);
  }

  test::TestAuthority authority_;
  test::TemporaryFolder folder_;
};

TEST_F(KmsKeyPolicyCli, PrintsWhatTheGoldenFileShows) {
  const auto printed = policy("kms-key-policy", {"--administrator", kAdmin});
  EXPECT_EQ(printed.status, 0) << printed.err;
  EXPECT_EQ(printed.err, "");
  expect_golden("tests/policy/golden/kms_key_policy.json", printed.out);
}

TEST_F(KmsKeyPolicyCli, PrintsEveryPinOfEveryImageAndWarnsBesideIt) {
  enroll_custodian("custodian-2", {"--account", test::image_pcr("account", 3).hex(), "--instance",
                                   "i-0123456789abcdef0", "--instance", "i-0123456789abcdef1"});
  const std::vector<std::string> arguments{
      "--administrator", kAdmin,
      "--administrator", "arn:aws:iam::111122223333:root",
      "--principal",     "arn:aws:iam::444455556666:role/parent"};
  const auto printed = policy("kms-key-policy", arguments);
  EXPECT_EQ(printed.status, 0);
  expect_golden("tests/policy/golden/kms_key_policy_pinned.json", printed.out);
  expect_golden("tests/policy/golden/kms_key_policy_pinned.txt", printed.err);
}

TEST_F(KmsKeyPolicyCli, RefusesWithoutPrintingAnything) {
  const auto nobody = policy("kms-key-policy", {"--administrator", test::kAccount});
  EXPECT_EQ(nobody.status, 2);
  EXPECT_EQ(nobody.out, "");
  EXPECT_NE(nobody.err.find("must not be whom custodians call KMS as"), std::string::npos);
  EXPECT_EQ(policy("kms-key-policy", {}).status, 1);
  write("policy.json", "{}");
  const auto broken = policy("kms-key-policy", {"--administrator", kAdmin});
  EXPECT_EQ(broken.status, 2);
  EXPECT_EQ(broken.out, "");
  std::filesystem::remove(path("policy.json"));
  EXPECT_EQ(policy("kms-key-policy", {"--administrator", kAdmin}).status, 1);
}

TEST_F(KmsKeyPolicyCli, ExplainsItself) {
  const auto help = policy("kms-key-policy", {"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* wanted : {"Example", "Exit status", "--administrator", "--principal"})
    EXPECT_NE(help.out.find(wanted), std::string::npos) << wanted;
}

}  // namespace
}  // namespace concordat::cli
