// `concordat token`, and signing with keys on a token: the commands against tokens of SoftHSM.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>

#include <array>

#include "attest/base/descriptor.hpp"
#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "policy/authority_succession.hpp"
#include "policy/signed_policy.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/token/soft_token.hpp"

namespace concordat::cli {
namespace {

using test::expect_golden;
using test::Ran;
using test::replaced;
using test::SoftTokens;
using testing::HasSubstr;
using testing::Not;

// Whatever the environment says, the program stands in a folder of its own, without a terminal.
class TokenCli : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(test::kSoftHsm).empty()) GTEST_SKIP() << "no SoftHSM (package softhsm2)";
    const base::Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::dup2(nothing.get(), STDIN_FILENO), STDIN_FILENO);
    std::filesystem::current_path(folder_.path());
    tokens_.add_token("ops");
  }
  TokenCli() : before_(std::filesystem::current_path()) {}
  ~TokenCli() override {
    ::unsetenv("CONCORDAT_TWIST");
    std::filesystem::current_path(before_);
  }

  // One of the authority's signers, as on a token that the key was moved to.
  static test::SoftKey signer_key(std::size_t signer, std::string label) {
    return {std::move(label),
            {static_cast<std::uint8_t>(signer)},
            base::Bytes(32, static_cast<std::uint8_t>(1 + signer))};
  }
  static void write(const std::string& file, base::BytesView content, mode_t mode = 0644) {
    ASSERT_TRUE(base::write_file(file, content, mode));
  }
  static std::string read(const std::string& file) {
    return std::string(base::as_text(base::read_file(file, 1 << 21).value()));
  }
  // The sample policy and its authority, and the second signer's key as a file.
  void write_sample() {
    write("policy.json", base::as_bytes(test::sample_policy(authority_.descriptor())));
    write("authority.cbor", authority_.descriptor().encoded());
    const auto secret = authority_.key(1).encode(nullptr).value();
    write("signer-1", secret.expose(base::SecretAccess{}), 0600);
  }

  static Ran with_pin(std::vector<std::string> arguments, const std::string& pin) {
    write("pin", base::as_bytes(pin + "\n"), 0600);
    const base::Descriptor fd(::open("pin", O_RDONLY | O_CLOEXEC));
    arguments.insert(arguments.end(), {"--pin-fd", std::to_string(fd.get())});
    return test::run_cli(arguments);
  }
  static std::vector<std::string> sign_by(const std::string& uri,
                                          const std::string& module = test::kSoftHsm) {
    return {"policy", "sign", "--token", uri, "--module", module};
  }
  // Signing with a token that behaves in another way than SoftHSM does.
  static Ran sign_twisted(const char* twist, const std::string& pin = SoftTokens::kPin) {
    ::setenv("CONCORDAT_TWIST", twist, 1);
    const Ran ran = with_pin(sign_by("pkcs11:object=alice", CONCORDAT_TWISTED_MODULE), pin);
    ::unsetenv("CONCORDAT_TWIST");
    return ran;
  }
  // What the program prints on a terminal, where the PIN is typed once `prompt` stands there.
  static std::string at_terminal(std::vector<std::string> arguments, std::string_view prompt) {
    arguments.insert(arguments.begin(), CONCORDAT_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    const base::Descriptor master(terminal);
    std::string shown;
    bool typed = false;
    std::array<char, 512> part{};
    for (ssize_t n = 0; (n = ::read(terminal, part.data(), part.size())) > 0;) {
      shown.append(part.data(), static_cast<std::size_t>(n));
      if (typed || shown.find(prompt) == shown.npos) continue;
      const std::string line = std::string(SoftTokens::kPin) + "\n";
      EXPECT_EQ(::write(terminal, line.data(), line.size()), std::ssize(line));
      typed = true;
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << shown;
    return shown;
  }
  static std::string serial_of(std::size_t token = 0) {
    const Ran ran = test::run_cli({"token", "list", "--module", test::kSoftHsm, "--json"});
    std::size_t at = 0;
    for (std::size_t i = 0; i <= token; ++i)
      at = ran.out.find("\"serial\":\"", at) + 10;
    return ran.out.substr(at, ran.out.find('"', at) - at);
  }
  static std::string masked(std::string text, const std::string& value, const std::string& mask) {
    for (std::size_t at = text.find(value); at != text.npos; at = text.find(value))
      text.replace(at, value.size(), mask);
    return text;
  }

  test::TestAuthority authority_;
  test::TemporaryFolder folder_;
  SoftTokens tokens_;
  std::filesystem::path before_;
};

TEST_F(TokenCli, ListShowsTokensAndTheUrisOfTheirKeys) {
  tokens_.add_key("ops", signer_key(0, "alice"));
  tokens_.add_key("ops", signer_key(1, "bob & co"));
  tokens_.add_p256_key("ops", "not ed25519");
  const std::vector<std::string> list{"token", "list", "--module", test::kSoftHsm};
  const Ran text = test::run_cli(list);
  EXPECT_EQ(text.status, 0) << text.err;
  expect_golden("tests/token/golden/list.txt", masked(text.out, serial_of(), "SERIAL"));
  std::vector<std::string> with_json = list;
  with_json.push_back("--json");
  expect_golden("tests/token/golden/list.json",
                masked(test::run_cli(with_json).out, serial_of(), "SERIAL"));
}

TEST_F(TokenCli, APublicKeyIsExportedAsKeygenWritesIt) {
  tokens_.add_key("ops", signer_key(0, "alice"));
  const std::vector<std::string> arguments{"token",    "public-key",
                                           "--module", test::kSoftHsm,
                                           "--token",  "pkcs11:token=ops;object=alice",
                                           "--out",    "alice.key.pub"};
  const Ran ran = test::run_cli(arguments);
  EXPECT_EQ(ran.status, 0) << ran.err;
  expect_golden("tests/token/golden/public_key.txt", ran.out);
  EXPECT_EQ(read("alice.key.pub"), policy::encode_public_key(authority_.key(0).public_key()));
  EXPECT_EQ(test::run_cli(arguments).status, 1);  // never overwritten
}

// The way of a team: a pair that never left its token, the public key into a new authority, and a
// policy signed by it and by a key file.
TEST_F(TokenCli, AGeneratedKeySignsANewPolicy) {
  tokens_.add_key("ops", {"alice", {7}});
  ASSERT_EQ(test::run_cli({"keygen", "--out", "bob.key"}).status, 0);
  ASSERT_EQ(test::run_cli({"token", "public-key", "--module", test::kSoftHsm, "--token",
                           "pkcs11:object=alice", "--out", "alice.key.pub"})
                .status,
            0);
  const Ran init = test::run_cli({"policy", "init", "--realm", test::kRealm, "--signer",
                                  "alice.key.pub", "--signer", "bob.key.pub", "--threshold", "2"});
  ASSERT_EQ(init.status, 0) << init.err;
  const Ran by_token = with_pin(sign_by("pkcs11:token=ops;id=%07"), SoftTokens::kPin);
  EXPECT_EQ(by_token.status, 0) << by_token.err;
  EXPECT_THAT(by_token.out, HasSubstr("1 of the 2 signatures"));
  EXPECT_EQ(test::run_cli({"policy", "sign", "--key", "bob.key"}).status, 0);
  const auto authority =
      attest::AuthorityDescriptor::parse(base::as_bytes(read("authority.cbor"))).value();
  const auto verified = policy::SignedPolicy::verify(base::as_bytes(read("policy.signed.json")),
                                                     authority, base::system_wall_clock());
  EXPECT_TRUE(verified.has_value()) << verified.error().to_string();
}

// Ed25519 is deterministic: the same key makes the same envelope, wherever it lives.
TEST_F(TokenCli, ATokenSignsWhatAKeyFileSigns) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  tokens_.add_key("ops", signer_key(1, "bob"));
  const Ran first = with_pin(sign_by("pkcs11:object=alice"), SoftTokens::kPin);
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(with_pin(sign_by("pkcs11:object=bob"), SoftTokens::kPin).status, 0);
  expect_golden("tests/policy/golden/policy.signed.json", read("policy.signed.json"));
}

TEST_F(TokenCli, TheModuleMayStandInTheUri) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  const std::string uri = "pkcs11:object=alice?module-path=" + std::string(test::kSoftHsm);
  EXPECT_EQ(with_pin({"policy", "sign", "--token", uri}, SoftTokens::kPin).status, 0);
}

TEST_F(TokenCli, AKeyThatWantsItsPinBeforeEachUseGetsIt) {
  write_sample();
  test::SoftKey key = signer_key(0, "alice");
  key.always_authenticate = true;
  tokens_.add_key("ops", key);
  const Ran ran = with_pin(sign_by("pkcs11:object=alice"), SoftTokens::kPin);
  EXPECT_EQ(ran.status, 0) << ran.err;
}

TEST_F(TokenCli, ASuccessionIsSignedByATokenToo) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  ASSERT_EQ(test::run_cli({"authority", "change"}).status, 0);
  const Ran by_token =
      with_pin({"authority", "sign", "--token", "pkcs11:object=alice", "--module", test::kSoftHsm},
               SoftTokens::kPin);
  EXPECT_EQ(by_token.status, 0) << by_token.err;
  ASSERT_EQ(test::run_cli({"authority", "sign", "--key", "signer-1"}).status, 0);
  const auto successor = policy::verify_succession(
      base::as_bytes(read("authority.succession.json")), authority_.descriptor());
  ASSERT_TRUE(successor.has_value()) << successor.error().to_string();
  EXPECT_EQ(successor->epoch(), 2u);
}

// What each mistake and each fault says: one line, and no signature.
TEST_F(TokenCli, EveryFailureIsOneClearLine) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  std::string told;
  const auto expect_failure = [&](const std::string& what, int status, const Ran& ran) {
    EXPECT_EQ(ran.status, status) << what << ": " << ran.err;
    EXPECT_EQ(ran.out, "") << what;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << what << ": " << ran.err;
    EXPECT_THAT(ran.err, Not(HasSubstr(SoftTokens::kPin))) << what;
    EXPECT_FALSE(std::filesystem::exists("policy.signed.json")) << what;
    told += what + "\n  " + ran.err;
  };
  const auto sign = [&](const std::string& uri) {
    return with_pin(sign_by(uri), SoftTokens::kPin);
  };

  expect_failure("no module named", 1, test::run_cli({"policy", "sign", "--token", "pkcs11:"}));
  expect_failure("module named twice", 1, sign("pkcs11:?module-path=/m.so"));
  expect_failure("relative module", 1, test::run_cli(sign_by("pkcs11:", "libsofthsm2.so")));
  expect_failure("module missing", 1, test::run_cli(sign_by("pkcs11:", "/no/such/module.so")));
  expect_failure("no module at all", 1, test::run_cli(sign_by("pkcs11:", CONCORDAT_NO_MODULE)));
  expect_failure("module without functions", 1, sign_twisted("no_functions"));
  expect_failure("token absent", 1, sign("pkcs11:token=other"));
  expect_failure("no PIN to be had", 2, test::run_cli(sign_by("pkcs11:object=alice")));
  expect_failure("empty PIN", 2, with_pin(sign_by("pkcs11:object=alice"), ""));
  expect_failure("wrong PIN", 2, with_pin(sign_by("pkcs11:object=alice"), "4321"));
  expect_failure("PIN locked", 2, sign_twisted("pin_locked"));
  expect_failure("no PIN set", 2, sign_twisted("pin_not_set"));
  expect_failure("key not found by label", 1, sign("pkcs11:object=carol"));
  expect_failure("key not found by id", 1, sign("pkcs11:object=alice;id=%63"));
  expect_failure("no CKM_EDDSA", 2, sign_twisted("no_eddsa"));
  expect_failure("CKM_EDDSA only verifies", 2, sign_twisted("eddsa_verifies_only"));
  expect_failure("public key not shown", 2, sign_twisted("no_point"));
  expect_failure("public key of another curve", 2, sign_twisted("long_point"));
  expect_failure("attribute of impossible length", 1, sign_twisted("impossible_length"));
  expect_failure("message too long", 2, sign_twisted("message_too_long"));
  expect_failure("wrong signature", 2, sign_twisted("wrong_signature"));
  expect_failure("short signature", 1, sign_twisted("short_signature"));
  expect_failure("token removed", 1, sign_twisted("removed"));
  expect_failure("device error", 1, sign_twisted("device_error"));

  tokens_.add_key("ops", signer_key(1, "alice"));
  expect_failure("several keys", 1, sign("pkcs11:object=alice"));
  tokens_.add_key("ops", {"stranger", {9}, base::Bytes(32, 99)});
  expect_failure("not a signer", 2, sign("pkcs11:object=stranger"));
  tokens_.add_key("ops", {.label = "lonely", .id = {10}, .with_public_key = false});
  expect_failure("no public key on the token", 2, sign("pkcs11:object=lonely"));
  tokens_.add_key("ops", {"twin", {0}, base::Bytes(32, 98)});
  expect_failure("two public keys with one id", 1, sign("pkcs11:object=alice;id=%00"));
  const std::string serial = serial_of();
  tokens_.add_token("ops");
  told = masked(told, serial, "SERIAL");
  const std::string other = serial_of(0) == serial ? serial_of(1) : serial_of(0);
  const Ran several = sign("pkcs11:token=ops");
  EXPECT_EQ(several.status, 1);
  told += "several tokens\n  " + several.err;
  told = masked(masked(masked(told, serial, "SERIAL"), other, "SERIAL"), test::kSoftHsm, "SOFTHSM");
  told =
      masked(masked(told, CONCORDAT_TWISTED_MODULE, "TWISTED"), CONCORDAT_NO_MODULE, "NO_MODULE");
  expect_golden("tests/token/golden/failures.txt", told);
}

TEST_F(TokenCli, OneOfSeveralTokensIsNamedBySerial) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  const std::string serial = serial_of();
  tokens_.add_token("ops");
  const Ran list = test::run_cli({"token", "list", "--module", test::kSoftHsm});
  EXPECT_THAT(list.out, HasSubstr("'pkcs11:token=ops;serial=" + serial + ";object=alice;id=%00'"));
  EXPECT_EQ(with_pin(sign_by("pkcs11:serial=" + serial), SoftTokens::kPin).status, 0);
}

// Other makers' tokens: the point bare, the PIN typed on the token's own pad.
TEST_F(TokenCli, OtherMakersTokensSignTheSame) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  for (const char* twist : {"bare_point", "pin_pad"}) {
    const Ran ran = sign_twisted(twist);
    EXPECT_EQ(ran.status, 0) << twist << ": " << ran.err;
    std::filesystem::remove("policy.signed.json");
  }
  // The pad is all there is: without --pin-fd, and without a terminal.
  ::setenv("CONCORDAT_TWIST", "pin_pad", 1);
  EXPECT_EQ(test::run_cli(sign_by("pkcs11:object=alice", CONCORDAT_TWISTED_MODULE)).status, 0);
}

TEST_F(TokenCli, APinInTheUriIsRefusedAndNotRepeated) {
  write_sample();
  const Ran ran =
      test::run_cli(sign_by("pkcs11:object=alice?pin-value=" + std::string(SoftTokens::kPin)));
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("every user of this machine can see it"));
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr(SoftTokens::kPin)));
}

TEST_F(TokenCli, APinIsAskedForAtATerminalAndNotShown) {
  write_sample();
  tokens_.add_key("ops", signer_key(0, "alice"));
  const std::string plain = at_terminal(sign_by("pkcs11:object=alice"), "PIN of token \"ops\": ");
  EXPECT_THAT(plain, HasSubstr("has 1 of the 2 signatures"));
  EXPECT_THAT(plain, Not(HasSubstr(SoftTokens::kPin)));
  ::setenv("CONCORDAT_TWIST", "last_try", 1);
  EXPECT_THAT(at_terminal(sign_by("pkcs11:object=alice", CONCORDAT_TWISTED_MODULE),
                          "(the last try before it locks): "),
              HasSubstr("has 1 of the 2 signatures"));
}

TEST_F(TokenCli, ExactlyOneSigner) {
  write_sample();
  EXPECT_EQ(test::run_cli({"policy", "sign"}).status, 1);
  EXPECT_EQ(test::run_cli({"policy", "sign", "--key", "signer-1", "--token", "pkcs11:"}).status, 1);
}

TEST_F(TokenCli, AFailureIsOneObjectWithJson) {
  write_sample();
  std::vector<std::string> arguments = sign_by("pkcs11:token=other");
  arguments.push_back("--json");
  EXPECT_THAT(test::run_cli(arguments).out, HasSubstr("{\"ok\":false,\"code\":\"token_absent\","));
}

TEST_F(TokenCli, EveryCommandExplainsItself) {
  for (const char* command : {"list", "public-key"}) {
    const Ran ran = test::run_cli({"token", command, "--help"});
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.out, HasSubstr("Example")) << command;
    EXPECT_THAT(ran.out, HasSubstr("Exit status")) << command;
  }
  EXPECT_EQ(test::run_cli({"token"}).status, 1);
  EXPECT_EQ(test::run_cli({"token", "list"}).status, 1);
}

}  // namespace
}  // namespace concordat::cli
