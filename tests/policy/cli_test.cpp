// `concordat keygen` and `concordat policy`, end to end: files, output, exit statuses.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>

#include "attest/base/cbor.hpp"
#include "attest/base/descriptor.hpp"
#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/cli/commands.hpp"
#include "policy/parse.hpp"
#include "policy/signed_policy.hpp"
#include "tests/eif/parts.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {
namespace {

using test::expect_golden;
using test::kNow;
using test::replaced;

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

class PolicyCli : public testing::Test {
 protected:
  // Run by hand, these tests have a terminal, and keygen would ask it for a passphrase.
  static void SetUpTestSuite() {
    const base::Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::dup2(nothing.get(), STDIN_FILENO), STDIN_FILENO);
  }
  PolicyCli() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder_.path());
  }
  ~PolicyCli() override { std::filesystem::current_path(before_); }

  Outcome run_command(std::vector<std::string> arguments, bool is_lab = false) {
    std::vector<const char*> argv{"concordat"};
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    std::ostringstream out;
    std::ostringstream err;
    Invocation invocation{.program = "concordat", .out = out, .err = err, .is_lab = is_lab};
    const int status = run(static_cast<int>(argv.size()), argv.data(), invocation);
    return {status, out.str(), err.str()};
  }
  Outcome policy(std::vector<std::string> arguments, bool is_lab = false) {
    arguments.insert(arguments.begin(), "policy");
    return run_command(std::move(arguments), is_lab);
  }
  static void write(const std::string& file, base::BytesView content, mode_t mode = 0644) {
    ASSERT_TRUE(base::write_file(file, content, mode));
  }
  static void write(const std::string& file, std::string_view content) {
    write(file, base::as_bytes(content));
  }
  static std::string read(const std::string& file) {
    return std::string(base::as_text(base::read_file(file, 1 << 21).value()));
  }
  static void write_key(const std::string& file, const policy::SigningKey& key) {
    const auto secret = key.encode(nullptr).value();
    write(file, secret.expose(base::SecretAccess{}), 0600);
    write(file + ".pub", policy::encode_public_key(key.public_key()));
  }
  // The sample policy and its authority as files, as of year 2026 (see kNow).
  void write_sample() {
    write("policy.json", test::sample_policy(authority_.descriptor()));
    write("authority.cbor", authority_.descriptor().encoded());
    for (std::size_t i = 0; i < 3; ++i)
      write_key("signer-" + std::to_string(i), authority_.key(i));
  }
  static lab::EnclaveIdentity enclave(const std::string& image) {
    lab::EnclaveIdentity identity;
    identity.role_arn = test::kAccount;
    identity.pcr0 = test::image_pcr(image, 0);
    identity.pcr1 = test::image_pcr(image, 1);
    identity.pcr2 = test::image_pcr(image, 2);
    return identity;
  }
  void write_document(const lab::EnclaveIdentity& identity,
                      const attest::MintRequest& request = {}) {
    write("root.der", lab_.pki().root_der());
    write("document.cbor", lab_.document(identity, &authority_.descriptor(), request));
  }
  // The random part of a module id, which differs from run to run.
  static std::string masked(std::string text) {
    const std::size_t at = text.find("-enc");
    return at == text.npos ? text : text.replace(at + 4, 16, "................");
  }

  test::TestAuthority authority_;
  test::LabClaims lab_{kNow};
  test::TemporaryFolder folder_;
  std::filesystem::path before_;
};

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

TEST_F(PolicyCli, FromNothingToASignedPolicy) {
  for (std::size_t i = 0; i < 3; ++i)
    write_key("signer-" + std::to_string(i), authority_.key(i));
  const Outcome init = policy({"init", "--realm", test::kRealm, "--signer", "signer-0.pub",
                               "--signer", "signer-1.pub", "--signer", "signer-2.pub",
                               "--threshold", "2", "--kms-key", test::kKmsKey});
  ASSERT_EQ(init.status, 0) << init.err;
  EXPECT_EQ(read("authority.cbor"), base::as_text(authority_.descriptor().encoded()));
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

TEST_F(PolicyCli, EnrollWritesWhatTheGoldenFileShows) {
  write_sample();
  write("w.json", "{\"Measurements\": {\"PCR0\": \"" + test::image_pcr("w", 0).hex() +
                      "\", \"PCR1\": \"" + test::image_pcr("w", 1).hex() + "\", \"PCR2\": \"" +
                      test::image_pcr("w", 2).hex() + "\"}}");
  const Outcome outcome =
      policy({"enroll", "payments-2", "--measurements", "w.json", "--role", "payments", "--json"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("tests/policy/golden/enroll.json", outcome.out);
  expect_golden("tests/policy/golden/enrolled_policy.json", read("policy.json"));
}

TEST_F(PolicyCli, SigningIsReproducible) {
  write_sample();
  EXPECT_EQ(policy({"sign", "--key", "signer-0"}).status, 0);
  const Outcome outcome = policy({"sign", "--key", "signer-1"});
  expect_golden("tests/policy/golden/sign.txt", outcome.out);
  expect_golden("tests/policy/golden/policy.signed.json", read("policy.signed.json"));
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

TEST_F(PolicyCli, CheckShowsEveryError) {
  write_sample();
  std::string text = replaced(read("policy.json"), "\"serial\": 1", "\"serial\": \"one\"");
  text = replaced(text, "\"reports-1\"\n", "\"reports-2\"\n");
  text = replaced(text, "\"keys\": \"payments/*\",", "\"keys\": \"payments/*\", \"limit\": 5,");
  write("policy.json", text);
  const Outcome outcome = policy({"check"});
  EXPECT_EQ(outcome.status, 2);
  expect_golden("tests/policy/golden/check.txt", outcome.out);
  expect_golden("tests/policy/golden/check.json", policy({"check", "--json"}).out);
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
  expect_golden("tests/policy/golden/check_warnings.txt", outcome.out);
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
  EXPECT_EQ(check("{\"\\u001b[2J\": 1}").substr(0, 53),
            "policy.json:1:2: error: /\\x1b[2J: unknown key [unkno");
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
  expect_golden("tests/policy/golden/explain_altered.txt", masked(outcome.out));
  std::vector<std::string> json = arguments;
  json.push_back("--json");
  expect_golden("tests/policy/golden/explain_altered.json", masked(policy(json, true).out));

  write_document(enclave("payments-1"));
  const Outcome admitted = policy(arguments, true);
  EXPECT_EQ(admitted.status, 0);
  expect_golden("tests/policy/golden/explain_admitted.txt", masked(admitted.out));
  EXPECT_EQ(
      policy({"explain", "--document", "document.cbor", "--lab-root", "root.der"}, true).status, 0);
}

TEST_F(PolicyCli, OnlyTheLabsTwinTrustsALabRoot) {
  write_sample();
  write_document(enclave("payments-1"));
  EXPECT_EQ(policy({"explain", "--document", "document.cbor", "--lab-root", "root.der"}).status, 1);
  const Outcome outcome = policy({"explain", "--document", "document.cbor"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
}

TEST_F(PolicyCli, PinRootTakesAGenesisDocumentAndNoOther) {
  write_sample();
  const base::Bytes challenge(32, 0x5a);
  const auto digest = base::sha256({base::as_bytes(read("policy.json"))});
  base::cbor::Writer items;
  items.bytes(challenge).bytes(digest.view()).text(test::kKmsKey);
  items.uint(1).bytes(base::Bytes(32, 0xb0)).bytes(base::Bytes(48, 0xc0));
  attest::MintRequest request;
  request.purpose = attest::Purpose::genesis;
  request.items = {std::move(items).take(), 6};
  const auto pin = [&](const std::string& with_challenge) {
    return policy({"pin-root", "--document", "document.cbor", "--lab-root", "root.der",
                   "--challenge", with_challenge},
                  true);
  };
  const std::string before = read("policy.json");
  write_document(enclave("payments-1"), request);
  EXPECT_EQ(pin(base::to_hex(challenge)).status, 2);
  write_document(enclave("custodian-1"), request);
  EXPECT_EQ(pin(std::string(64, '0')).status, 2);
  EXPECT_EQ(pin("5a").status, 1);
  EXPECT_EQ(read("policy.json"), before);
  const Outcome outcome = pin(base::to_hex(challenge));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expect_golden("tests/policy/golden/pin_root.txt", outcome.out);
  const auto model = policy::load_policy(read("policy.json")).value();
  EXPECT_EQ(model.current_root()->commitment, base::Bytes(48, 0xc0));
}

TEST_F(PolicyCli, EveryCommandExplainsItself) {
  for (const char* command : {"init", "enroll", "pin-root", "sign", "check", "explain"}) {
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
