// `concordat keygen` and `concordat policy`, from nothing to a signed policy.
#include <sys/stat.h>

#include "policy/signed_policy.hpp"
#include "tests/eif/parts.hpp"
#include "tests/policy/policy_cli.hpp"

namespace concordat::cli {
namespace {

mode_t mode_of(const char* file) {
  struct stat status {};
  EXPECT_EQ(::stat(file, &status), 0) << file;
  return status.st_mode & 07777;
}

TEST_F(PolicyCli, KeygenMakesAnOwnersKeyAndNeverOverwrites) {
  const Outcome made = run_command({"keygen", "--out", "k", "--json"});
  EXPECT_EQ(made.status, 0);
  EXPECT_NE(made.err.find("not sealed"), std::string::npos);
  EXPECT_EQ(mode_of("k"), 0600u);
  EXPECT_EQ(mode_of("k.pub"), 0644u);
  const auto public_key = policy::decode_public_key(read("k.pub")).value();
  EXPECT_EQ(made.out, "{\"ok\":true,\"key_id\":\"" + policy::key_id(public_key) +
                          "\",\"secret_file\":\"k\",\"public_file\":\"k.pub\",\"sealed\":false}\n");
  const std::string before = read("k");
  EXPECT_EQ(run_command({"keygen", "--out", "k"}).status, 1);
  EXPECT_EQ(read("k"), before);
  EXPECT_EQ(run_command({"keygen", "--out", "no/such/folder/k"}).status, 1);
  EXPECT_EQ(run_command({"keygen"}).status, 1);
  EXPECT_EQ(run_command({"keygen", "--out", "x", "--passphrase-fd", "987"}).status, 1);
  EXPECT_FALSE(std::filesystem::exists("x"));
}

TEST_F(PolicyCli, FromNothingToASignedPolicy) {
  for (std::size_t i = 0; i < 3; ++i)
    write_key("signer-" + std::to_string(i), authority_.key(i));
  const Outcome init = policy({"init", "--realm", test::kRealm, "--signer", "signer-0.pub",
                               "--signer", "signer-1.pub", "--signer", "signer-2.pub",
                               "--threshold", "2", "--kms-key", test::kKmsKey});
  ASSERT_EQ(init.status, 0) << init.err;
  EXPECT_EQ(read("authority.cbor"), base::as_text(authority_.descriptor().encoded()));
  expect_golden("init.txt", init.out);
  EXPECT_NE(init.out.find(authority_.descriptor().pcr16().hex()), std::string::npos);
  EXPECT_EQ(policy({"check"}).status, 0);

  const base::Bytes image = attest::write_eif(attest::test::small_parts()).value();
  write("image.eif", image);
  const auto measured = attest::test::read_bytes(image)->measurements;
  const std::string unpinned = read("policy.json");
  EXPECT_EQ(policy({"enroll", "c", "--eif", "image.eif", "--role", "custodian"}).status, 2);
  EXPECT_EQ(read("policy.json"), unpinned);
  ASSERT_EQ(policy({"enroll", "c", "--eif", "image.eif", "--role", "custodian", "--account",
                    test::kAccount})
                .status,
            0);
  auto worker = attest::test::small_parts();
  worker.cmdline += " worker";
  write("worker.eif", attest::write_eif(worker).value());
  write("w.json", run_command({"measure", "worker.eif"}).out);
  ASSERT_EQ(policy({"enroll", "w", "--measurements", "w.json", "--role", "payments", "--instance",
                    "i-0123456789abcdef0", "--grant", "payments/*:get,sign"})
                .status,
            0);
  const Outcome check = policy({"check", "--json"});
  EXPECT_EQ(check.status, 0);
  EXPECT_EQ(check.out, "{\"ok\":true,\"errors\":0,\"warnings\":0,\"findings\":[]}\n");

  const Outcome first = policy({"sign", "--key", "signer-2", "--json"});
  EXPECT_NE(first.out.find("\"signatures\":1,\"threshold\":2,\"complete\":false"),
            std::string::npos)
      << first.out << first.err;
  EXPECT_NE(policy({"sign", "--key", "signer-2", "--json"}).out.find("\"signatures\":1"),
            std::string::npos);
  EXPECT_NE(policy({"sign", "--key", "signer-0", "--json"}).out.find("\"complete\":true"),
            std::string::npos);
  const std::string envelope = read("policy.signed.json");
  const auto verified = policy::SignedPolicy::verify(
      base::as_bytes(envelope), authority_.descriptor(), base::system_wall_clock());
  ASSERT_TRUE(verified.has_value()) << verified.error().to_string();
  const policy::Model& model = (*verified)->model();
  EXPECT_EQ(model.image("c")->pcr0, measured.pcr0);
  EXPECT_EQ(model.image("w")->pcr2, measured.pcr2);
  EXPECT_EQ(model.grants.at(0).operations.size(), 2u);
}

TEST_F(PolicyCli, InitKeepsWhatIsThere) {
  write_sample();
  const std::string before = read("policy.json");
  EXPECT_EQ(policy({"init", "--realm", "r", "--signer", "signer-0.pub", "--threshold", "1"}).status,
            1);
  EXPECT_EQ(read("policy.json"), before);
  std::filesystem::remove("policy.json");
  std::filesystem::remove("authority.cbor");
  EXPECT_EQ(policy({"init", "--realm", "r", "--signer", "signer-0.pub", "--threshold", "2"}).status,
            2);
  EXPECT_EQ(policy({"init", "--realm", "r", "--signer", "signer-0", "--threshold", "1"}).status, 2);
  EXPECT_FALSE(std::filesystem::exists("policy.json"));
}

// Whatever a file is, `check` says where it stops being a policy, in one harmless line.
TEST_F(PolicyCli, CheckPlacesWhatIsNoPolicyAtAll) {
  write_sample();
  const auto check = [this](std::string_view file) {
    write("policy.json", file);
    const Outcome outcome = policy({"check"});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(outcome.err.empty()) << outcome.err;
    return outcome.out.substr(0, outcome.out.find('\n'));
  };
  const std::string oversized = "{\n" + std::string(std::size_t{4} << 20, ' ') + "}";
  EXPECT_EQ(check(oversized),
            "policy.json:2:1048575: error: more than 1048576 bytes [policy_too_large]");
  EXPECT_EQ(check("{\"realm\":\n [[[[[[[[]]]]]]]]}"),
            "policy.json:2:9: error: nested more than 8 deep [not_json]");
  EXPECT_EQ(check("{\n\"realm\": \"\xc3\x28\"}"),
            "policy.json:2:12: error: not UTF-8 from \"(\" on [not_json]");
  write("policy.json", "{\"\\u001b[2J\": 1}");
  EXPECT_NE(policy({"check"}).out.find("policy.json:1:2: error: /\\x1b[2J: unknown key [unkno"),
            std::string::npos);
}

TEST_F(PolicyCli, EveryCommandExplainsItself) {
  for (const char* command :
       {"init", "enroll", "revoke", "grant", "ungrant", "add-operator", "set", "renew", "pin-root",
        "fmt", "check", "diff", "impact", "describe", "sign", "verify", "explain"}) {
    const Outcome outcome = policy({command, "--help"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.out.find("Example"), std::string::npos) << command;
    EXPECT_NE(outcome.out.find("Exit status"), std::string::npos) << command;
  }
  EXPECT_EQ(policy({}).status, 1);
  EXPECT_EQ(policy({"explode"}).status, 1);
  EXPECT_EQ(policy({"check"}).status, 1);
}

}  // namespace
}  // namespace concordat::cli
