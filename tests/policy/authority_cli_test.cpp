// `concordat authority`, from one set of signers to the next: files, output, exit statuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "policy/authority_succession.hpp"
#include "policy/parse.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {
namespace {

using test::expect_golden;
using test::Ran;
using testing::HasSubstr;

class AuthorityCli : public testing::Test {
 protected:
  AuthorityCli() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder_.path());
    write("policy.json", base::as_bytes(test::sample_policy(authority_.descriptor())));
    write("authority.cbor", authority_.descriptor().encoded());
    for (std::size_t i = 0; i < 3; ++i) {
      write_key("signer-" + std::to_string(i), authority_.key(i));
      write_key("other-" + std::to_string(i), others_.key(i));
    }
  }
  ~AuthorityCli() override { std::filesystem::current_path(before_); }

  static Ran authority(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "authority");
    return test::run_cli(arguments);
  }
  static void write(const std::string& file, base::BytesView content, mode_t mode = 0644) {
    ASSERT_TRUE(base::write_file(file, content, mode));
  }
  static std::string read(const std::string& file) {
    return std::string(base::as_text(base::read_file(file, 1 << 21).value()));
  }
  static void write_key(const std::string& file, const policy::SigningKey& key) {
    const auto secret = key.encode(nullptr).value();
    write(file, secret.expose(base::SecretAccess{}), 0600);
    write(file + ".pub", base::as_bytes(policy::encode_public_key(key.public_key())));
  }
  static attest::AuthorityDescriptor descriptor(const std::string& file) {
    return attest::AuthorityDescriptor::parse(base::as_bytes(read(file))).value();
  }
  [[nodiscard]] std::string id(std::size_t signer) const {
    return policy::key_id(authority_.key(signer).public_key());
  }
  // One joins, one leaves.
  Ran change_signers(bool json = false) {
    std::vector<std::string> arguments{"change", "--signer", "other-0.pub", "--remove", id(2)};
    if (json) arguments.insert(arguments.end(), {"--json", "--out", "json.cbor"});
    return authority(arguments);
  }
  void sign_succession() {
    ASSERT_EQ(authority({"sign", "--key", "signer-0"}).status, 0);
    ASSERT_EQ(authority({"sign", "--key", "signer-1"}).status, 0);
  }

  test::TestAuthority authority_;
  test::TestAuthority others_{1, 50};
  test::TemporaryFolder folder_;
  std::filesystem::path before_;
};

TEST_F(AuthorityCli, ShowSaysWhoDecides) {
  expect_golden("tests/policy/golden/authority_show.txt", authority({"show"}).out);
  expect_golden("tests/policy/golden/authority_show.json",
                authority({"show", "authority.cbor", "--json"}).out);
  EXPECT_EQ(authority({"show", "policy.json"}).status, 2);
  EXPECT_EQ(authority({"show", "signer-0.pub"}).status, 2);
  EXPECT_EQ(authority({"show", "missing.cbor"}).status, 1);
}

TEST_F(AuthorityCli, HandsOverFromSignersToSigners) {
  const Ran changed = change_signers();
  EXPECT_EQ(changed.status, 0) << changed.err;
  expect_golden("tests/policy/golden/authority_change.txt", changed.out);
  expect_golden("tests/policy/golden/authority_change.json", change_signers(true).out);

  const Ran first = authority({"sign", "--key", "signer-1"});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(authority({"verify"}).status, 2);
  const Ran again = authority({"sign", "--key", "signer-1"});
  const Ran second = authority({"sign", "--key", "signer-2"});  // who leaves may sign it
  expect_golden("tests/policy/golden/authority_sign.txt", first.out + again.out + second.out);

  const Ran verified = authority({"verify"});
  EXPECT_EQ(verified.status, 0) << verified.err;
  expect_golden("tests/policy/golden/authority_verify.txt", verified.out);
  expect_golden("tests/policy/golden/authority_verify.json", authority({"verify", "--json"}).out);

  const Ran adopted = authority({"adopt"});
  EXPECT_EQ(adopted.status, 0) << adopted.err;
  expect_golden("tests/policy/golden/authority_adopt.txt", adopted.out);
  const auto successor = descriptor("authority.cbor");
  EXPECT_EQ(successor.encoded(), descriptor("authority.next.cbor").encoded());
  EXPECT_EQ(successor.epoch(), 2u);
  const auto model = policy::load_policy(read("policy.json")).value();
  EXPECT_EQ(model.authority, successor.digest());
  EXPECT_EQ(model.serial, 2u);

  // From here the new signers sign policies, and who left does not.
  EXPECT_EQ(test::run_cli({"policy", "sign", "--key", "other-0"}).status, 0);
  EXPECT_EQ(test::run_cli({"policy", "sign", "--key", "signer-2"}).status, 2);
  EXPECT_THAT(test::run_cli({"policy", "sign", "--key", "signer-0"}).out,
              HasSubstr("2 of the 2 signatures"));
}

TEST_F(AuthorityCli, ChangeTakesThresholdAndEpoch) {
  ASSERT_EQ(authority({"change", "--threshold", "3", "--epoch", "7"}).status, 0);
  const auto successor = descriptor("authority.next.cbor");
  EXPECT_EQ(successor.threshold(), 3u);
  EXPECT_EQ(successor.epoch(), 7u);
  EXPECT_EQ(successor.signers(), authority_.descriptor().signers());
}

TEST_F(AuthorityCli, ChangeRefusesWhatCannotSucceed) {
  std::string told;
  const auto expect_refused = [&](std::vector<std::string> arguments, int status) {
    arguments.insert(arguments.begin(), "change");
    const Ran ran = authority(arguments);
    EXPECT_EQ(ran.status, status) << ran.err;
    EXPECT_FALSE(std::filesystem::exists("authority.next.cbor")) << ran.err;
    told += ran.err;
  };
  expect_refused({"--epoch", "1"}, 2);
  expect_refused({"--epoch", "soon"}, 1);
  expect_refused({"--epoch", "9007199254740992"}, 2);
  expect_refused({"--threshold", "4"}, 2);
  expect_refused({"--threshold", "0"}, 2);
  expect_refused({"--remove", id(0), "--remove", id(1)}, 2);
  expect_refused({"--remove", std::string(64, '0')}, 2);
  expect_refused({"--signer", "signer-0.pub"}, 2);
  expect_refused({"--signer", "signer-0"}, 2);
  expect_refused({"--signer", "missing.pub"}, 1);
  expect_golden("tests/policy/golden/authority_change_refused.txt", told);
  ASSERT_EQ(change_signers().status, 0);
  EXPECT_EQ(change_signers().status, 1);  // never overwritten
}

TEST_F(AuthorityCli, SignRefusesStrangersAndOtherSuccessions) {
  ASSERT_EQ(change_signers().status, 0);
  EXPECT_EQ(authority({"sign", "--key", "other-0"}).status, 2);  // joins, but decides nothing yet
  EXPECT_FALSE(std::filesystem::exists("authority.succession.json"));
  ASSERT_EQ(authority({"sign", "--key", "signer-0"}).status, 0);
  const std::string before = read("authority.succession.json");
  ASSERT_EQ(authority({"change", "--out", "another.cbor", "--epoch", "3"}).status, 0);
  EXPECT_EQ(authority({"sign", "--successor", "another.cbor", "--key", "signer-1"}).status, 1);
  EXPECT_EQ(read("authority.succession.json"), before);
  // An older authority can never be signed as the successor.
  EXPECT_EQ(authority({"sign", "--authority", "authority.next.cbor", "--successor",
                       "authority.cbor", "--key", "signer-0", "--out", "back.json"})
                .status,
            2);
  EXPECT_FALSE(std::filesystem::exists("back.json"));
}

TEST_F(AuthorityCli, AdoptWritesNothingThatItCouldNotVerify) {
  ASSERT_EQ(change_signers().status, 0);
  const std::string policy = read("policy.json");
  const std::string descriptor_before = read("authority.cbor");
  const auto expect_nothing_written = [&](int status) {
    EXPECT_EQ(authority({"adopt"}).status, status);
    EXPECT_EQ(read("policy.json"), policy);
    EXPECT_EQ(read("authority.cbor"), descriptor_before);
  };
  expect_nothing_written(1);  // no succession
  ASSERT_EQ(authority({"sign", "--key", "signer-0"}).status, 0);
  expect_nothing_written(2);  // one signature
  ASSERT_EQ(authority({"sign", "--key", "signer-1"}).status, 0);
  write("policy.json", base::as_bytes(test::sample_policy(others_.descriptor())));
  EXPECT_EQ(authority({"adopt"}).status, 2);  // another authority's policy
  EXPECT_EQ(read("authority.cbor"), descriptor_before);
}

// Interrupted between its two files, it can be run again, and the serial goes up once.
TEST_F(AuthorityCli, AdoptCanBeRepeated) {
  ASSERT_EQ(change_signers().status, 0);
  sign_succession();
  ASSERT_EQ(authority({"adopt"}).status, 0);
  const std::string policy = read("policy.json");
  write("authority.cbor", authority_.descriptor().encoded());
  ASSERT_EQ(authority({"adopt"}).status, 0);
  EXPECT_EQ(read("policy.json"), policy);
  EXPECT_EQ(descriptor("authority.cbor").epoch(), 2u);
}

TEST_F(AuthorityCli, EveryCommandExplainsItself) {
  for (const char* command : {"show", "change", "sign", "verify", "adopt"}) {
    const Ran ran = authority({command, "--help"});
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.out, HasSubstr("Example")) << command;
    EXPECT_THAT(ran.out, HasSubstr("Exit status")) << command;
  }
  EXPECT_EQ(authority({}).status, 1);
}

}  // namespace
}  // namespace concordat::cli
