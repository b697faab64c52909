// What the commands that talk to a custodian share: whose key, under which policy, through which
// parent.
#pragma once

#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/session_order.hpp"
#include "deploy/cli/signer_options.hpp"

namespace concordat::cli {

struct OperatorOptions {
  std::string parent;
  std::string enclave = "custodian";
  PolicyFiles files{.policy = "policy.signed.json", .authority = kAuthorityFile};
  SignerOptions signer;
  std::string lab_root;
};
// --parent, --enclave, --policy, --authority, --key or --token, and in the lab --lab-root.
void add_operator_options(Command command, const Invocation& invocation, OperatorOptions& options);

// The operator at this machine: key and policy at hand, channels when wanted.
class Operator {
 public:
  // The policy is verified as an enclave does, at this machine's time.
  [[nodiscard]] static base::Result<std::unique_ptr<Operator>> open(const OperatorOptions& options,
                                                                    const Invocation& invocation);
  // Says on standard error when the custodian had a newer policy, which it was handed and verified.
  [[nodiscard]] base::Result<std::unique_ptr<OperatorChannel>> dial();
  // Another enclave behind the same parent: channels lead to it from here on.
  void turn_to(std::string enclave) { enclave_ = std::move(enclave); }
  // The order to the enclave, which is a party of a session, and what came of it.
  [[nodiscard]] base::Result<SessionOutcome> run(const SessionOrder& order);
  // Under which the custodian was admitted, once there is a channel.
  [[nodiscard]] const policy::PolicyPtr& policy() const noexcept { return policies_.latest(); }
  [[nodiscard]] const attest::AuthorityDescriptor& authority() const noexcept {
    return policies_.authority();
  }
  [[nodiscard]] const peer::Endpoint& parent() const noexcept { return parent_; }

 private:
  Operator(const Invocation& invocation, peer::Endpoint parent,
           attest::AuthorityDescriptor authority)
      : invocation_(invocation), parent_(std::move(parent)), policies_(std::move(authority)) {}
  // Where the policy wants a freshness statement: the parent's, which is verified as any.
  base::Status freshen();
  [[nodiscard]] ChannelOrder channel_order();
  void say_newer_policy(std::uint64_t before) const;

  const Invocation& invocation_;
  peer::Endpoint parent_;
  std::string enclave_, lab_root_;
  policy::PolicyInForce policies_;
  std::unique_ptr<policy::Signer> signer_;
};

// The custodian's own code where it refused.
[[nodiscard]] std::string operators_code(const base::Error& error);
// As answer_failure, with operators_code; and with --json `more` behind it, where there is any.
ExitStatus answer_operators_failure(const Invocation& invocation, bool json, std::string_view what,
                                    const base::Error& error,
                                    const nlohmann::ordered_json* more = nullptr);

}  // namespace concordat::cli
