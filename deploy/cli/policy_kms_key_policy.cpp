// concordat policy kms-key-policy
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "policy/kms_key_policy.hpp"

namespace concordat::cli {
namespace {

constexpr const char* kWhat = "kms-key-policy";

struct Options {
  PolicyFiles files;
  policy::KmsPrincipals principals;
};

base::Result<policy::KmsKeyPolicy> make(const Options& options) {
  CONCORDAT_TRY(const OpenPolicy open, open_policy(options.files));
  return policy::kms_key_policy(open.model, options.principals);
}

ExitStatus run_kms_key_policy(const Options& options, const Invocation& invocation) {
  const auto made = make(options);
  if (!made) return answer_failure(invocation, false, kWhat, made.error());
  for (const std::string& warning : made->warnings)
    invocation.err << invocation.program << ": " << kWhat << ": warning: " << warning << "\n";
  invocation.out << made->text;
  return ExitStatus::done;
}

}  // namespace

void add_policy_kms_key_policy(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command command = policy.add_subcommand(
      kWhat, "Print the key policy with which KMS unseals the root for the custodians alone");
  add_policy_files(command, options->files);
  command
      .add_option("--administrator", options->principals.administrators,
                  "Role or user (ARN) that may change the key policy, you among them; may be "
                  "repeated")
      .type_name("ARN")
      .one_value_each()
      .required();
  command
      .add_option("--principal", options->principals.callers,
                  "Role or user (ARN) whose credentials custodians use, where policy pins their "
                  "accounts by digest or not at all; may be repeated")
      .type_name("ARN")
      .one_value_each();
  command.footer(
      "Prints JSON for PutKeyPolicy, and warnings on standard error. It allows Decrypt and\n"
      "GenerateDataKey to each image of a custodian role, attested with its PCR0, 1, 2, with\n"
      "PCR3, 4 and 8 as far as policy pins them, with the authority in PCR16, and with this\n"
      "realm and its root generations as encryption context. Everything else that uses the key\n"
      "is denied, whatever IAM, grants or later statements allow. Print and set it again when\n"
      "custodian images, their accounts or instances, root generations or the authority change.\n"
      "Examples:\n"
      "  concordat policy kms-key-policy \\\n"
      "      --administrator arn:aws:iam::111122223333:role/key-admin > key-policy.json\n"
      "  aws kms put-key-policy --key-id arn:aws:kms:... --policy-name default \\\n"
      "      --policy file://key-policy.json\n"
      "  concordat policy kms-key-policy --administrator arn:aws:iam::111122223333:role/key-admin "
      "\\\n"
      "      --principal arn:aws:iam::111122223333:role/parent\n"
      "Exit status: 0 printed, 2 refused, 1 usage or input/output error.");
  on_chosen(command, invocation,
            [options, &invocation] { return run_kms_key_policy(*options, invocation); });
}

}  // namespace concordat::cli
