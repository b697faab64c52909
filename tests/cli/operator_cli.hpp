// An operator's machine with its files, and custodians that a test plays at the other end.
#pragma once

#include <gtest/gtest.h>

#include <sstream>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/cli/operator_options.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::cli {

struct Outcome {
  int status = 0;
  std::string out, err;
};

class OperatorCli : public testing::Test {
 protected:
  using OpenedChannel = base::Result<std::unique_ptr<OperatorChannel>>;

  OperatorCli() {
    write_policy(text_of_now(), {0, 1});
    write("authority.cbor", authority_.descriptor().encoded());
    const auto file = dana_.encode(nullptr).value();
    EXPECT_TRUE(base::write_file(path("dana.key"), file.expose(base::SecretAccess{}), 0600));
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  void write(const std::string& name, base::BytesView content) const {
    ASSERT_TRUE(base::write_file(path(name), content));
  }
  void write_policy(const std::string& text, const std::vector<std::size_t>& signers) const {
    write("policy.signed.json", authority_.sign(text, signers).encode());
  }
  [[nodiscard]] std::string text_of_now() const {
    const base::UnixMillis now = base::system_wall_clock();
    const auto time = [](base::UnixMillis at) {
      return base::format_rfc3339({at.value / 1000 * 1000});
    };
    std::string text = test::with_operator(test::sample_policy(authority_.descriptor(), 7), "dana",
                                           dana_.public_key());
    text = test::replaced(text, "2026-01-01T00:00:00Z", time(now - std::chrono::hours(1)));
    return test::replaced(text, "2026-01-31T00:00:00Z", time(now + std::chrono::hours(24)));
  }
  // A custodian as the policy wants it, judged for the operator.
  [[nodiscard]] policy::AdmittedPeer custodian() {
    const std::string text = test::with_operator(test::sample_policy(authority_.descriptor(), 7),
                                                 "dana", dana_.public_key());
    lab::EnclaveIdentity identity;
    identity.role_arn = test::kAccount;
    identity.pcr0 = test::image_pcr("custodian-1", 0);
    identity.pcr1 = test::image_pcr("custodian-1", 1);
    identity.pcr2 = test::image_pcr("custodian-1", 2);
    const policy::Question question{
        {}, "custodian", policy::kAdminPurpose, policy::Side::responder, dana_.public_key()};
    return policy::admit(*test::signed_policy(authority_, text), question,
                         lab_.claims(identity, &authority_.descriptor()),
                         authority_.descriptor().pcr16())
        .value();
  }
  // What comes of the next channel that is asked for.
  void open_next(std::function<std::unique_ptr<OperatorChannel>()> open) {
    opened_.push_back([open = std::move(open)]() -> OpenedChannel { return open(); });
  }
  void refuse(const base::Error& error) {
    opened_.push_back([error] { return OpenedChannel(error); });
  }
  // The command with what every command at a custodian takes.
  Outcome run_at_custodian(std::vector<std::string> arguments, std::vector<std::string> more = {},
                           bool is_lab = false) {
    for (std::string& argument : std::vector<std::string>{
             "--parent", "unix:/run/p", "--policy", path("policy.signed.json"), "--authority",
             path("authority.cbor"), "--key", path("dana.key")}) {
      arguments.push_back(std::move(argument));
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<const char*> argv{"concordat"};
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    std::ostringstream out, err;
    Invocation invocation{.program = "concordat", .out = out, .err = err, .is_lab = is_lab};
    invocation.call_parent = [this](const peer::Endpoint&, const ParentRequest& request) {
      asked_parent_.push_back(request.target);
      if (request.method == "DELETE") {
        removed_.emplace_back(request.target, request.version);
        return base::Result<ParentAnswer>(ParentAnswer{answers_to_removals_, "{}"});
      }
      const auto of_this = parent_of_.find(request.target);
      return base::Result<ParentAnswer>(of_this == parent_of_.end() ? parent_ : of_this->second);
    };
    invocation.open_channel = [this](const ChannelOrder& order) -> OpenedChannel {
      EXPECT_EQ(order.signer->public_key(), dana_.public_key());
      EXPECT_EQ(order.policies->latest()->serial(), 7u);
      lab_root_ = order.lab_root;
      enclave_ = order.enclave;
      dialled_.push_back(order.enclave);
      CONCORDAT_CHECK(order.before_dial());
      confirmed_ = order.policies->snapshot().confirmed.has_value();
      if (next_ == opened_.size()) return base::Error(ParentErrc::unreachable, "nobody");
      return opened_[next_++]();
    };
    const int ended = run(static_cast<int>(argv.size()), argv.data(), invocation);
    return {ended, out.str(), err.str()};
  }

  test::TestAuthority authority_;
  policy::SigningKey dana_ = test::operator_key();
  test::LabClaims lab_{test::kNow};
  test::TemporaryFolder folder_;
  std::vector<std::function<OpenedChannel()>> opened_;
  std::size_t next_ = 0;
  ParentAnswer parent_{404, "{}"};
  std::map<std::string, ParentAnswer> parent_of_;  // what it answers to other than parent_
  std::vector<std::string> asked_parent_;
  std::vector<std::pair<std::string, std::string>> removed_;  // and of which version
  unsigned answers_to_removals_ = 405;
  std::string lab_root_, enclave_;
  std::vector<std::string> dialled_;  // enclaves, in order
  bool confirmed_ = false;
};

}  // namespace concordat::cli
