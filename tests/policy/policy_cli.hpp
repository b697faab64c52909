// A folder with policy files and the commands run in it, in process.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "attest/base/descriptor.hpp"
#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/cli/commands.hpp"
#include "policy/edit.hpp"
#include "policy/parse.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {

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
  // Of a command's output, in golden/.
  static void expect_golden(const std::string& file, const std::string& found) {
    test::expect_golden("tests/policy/golden/" + file, found);
  }
  // The sample policy and its authority as files, as of year 2026 (see kNow).
  void write_sample() {
    write("policy.json", test::sample_policy(authority_.descriptor()));
    write("authority.cbor", authority_.descriptor().encoded());
    for (std::size_t i = 0; i < 3; ++i)
      write_key("signer-" + std::to_string(i), authority_.key(i));
  }
  // The sample with everything that a policy may say.
  void write_full() {
    write_sample();
    write("policy.json",
          policy::canonical_policy(test::full_policy(authority_.descriptor())).value());
  }
  static policy::Model model(const std::string& file = "policy.json") {
    return policy::load_policy(read(file)).value();
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

}  // namespace concordat::cli
