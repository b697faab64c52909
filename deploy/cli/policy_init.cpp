// concordat policy init
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/key_file.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "policy/edit.hpp"

namespace concordat::cli {
namespace {

using base::Result;

struct Options {
  PolicyFiles files;
  std::string realm;
  std::vector<std::string> signers;
  unsigned threshold = 0;
  std::uint64_t epoch = 1;
  std::optional<std::string> kms_key;
  unsigned valid_days = 30;
  bool json = false;
};

constexpr const char* kBeginsAnew = "init begins a new policy";

Result<attest::AuthorityDescriptor> make_authority(const Options& options) {
  attest::AuthorityFields fields{options.realm, {}, options.threshold, options.epoch};
  CONCORDAT_TRY(fields.signers, read_public_key_files(options.signers));
  return attest::AuthorityDescriptor::create(std::move(fields));
}

Result<attest::AuthorityDescriptor> init(const Options& options) {
  CONCORDAT_CHECK(must_be_new(options.files.policy, kBeginsAnew));
  CONCORDAT_CHECK(must_be_new(options.files.authority, kBeginsAnew));
  CONCORDAT_TRY(attest::AuthorityDescriptor authority, make_authority(options));
  CONCORDAT_TRY(const std::string text,
                policy::new_policy(authority, options.kms_key, now_in_seconds(),
                                   std::chrono::hours(24) * options.valid_days));
  CONCORDAT_CHECK(base::write_file(options.files.authority, authority.encoded()));
  CONCORDAT_CHECK(write_policy_text(options.files, text));
  return authority;
}

ExitStatus run_init(const Options& options, const Invocation& invocation) {
  const auto authority = init(options);
  if (!authority) return answer_failure(invocation, options.json, "init", authority.error());
  const std::string digest = authority->digest().hex();
  const std::string pcr16 = authority->pcr16().hex();
  return answer(invocation, options.json,
                {{"policy", options.files.policy},
                 {"authority", options.files.authority},
                 {"authority_digest", digest},
                 {"pcr16", pcr16}},
                "wrote " + options.files.policy + " (serial 1)\nwrote " + options.files.authority +
                    " (" + std::to_string(authority->threshold()) + " of " +
                    std::to_string(authority->signers().size()) + " signers, epoch " +
                    std::to_string(authority->epoch()) + ")\nauthority " + digest + "\nPCR16     " +
                    pcr16 + "\n");
}

}  // namespace

void add_policy_init(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command init = policy.add_subcommand(
      "init", "Begin: write an authority descriptor and a policy that admits nobody yet");
  add_policy_files(init, options->files);
  init.add_option("--realm", options->realm, "Name of the realm: a-z, 0-9, '.', '-', '_'")
      .type_name("NAME")
      .required();
  init.add_option("--signer", options->signers,
                  "Public key file of a signer (keygen's FILE.pub); may be repeated")
      .type_name("FILE")
      .one_value_each()
      .required();
  init.add_option("--threshold", options->threshold, "So many distinct signers must sign")
      .type_name("K")
      .required();
  init.add_option("--epoch", options->epoch,
                  "Raised when an authority replaces an older one of the same realm")
      .capture_default_str();
  init.add_option("--kms-key", options->kms_key,
                  "ARN of the KMS key that seals the root; needed by a custodian")
      .type_name("ARN");
  init.add_option("--valid-days", options->valid_days, "How long the policy is valid, at most 90")
      .range(1, 90)
      .capture_default_str();
  init.add_flag("--json", options->json, "Print one JSON object");
  init.footer(
      "Existing files are kept.\n"
      "Example:\n"
      "  concordat policy init --realm payments.example --signer alice.key.pub \\\n"
      "      --signer bob.key.pub --signer carol.key.pub --threshold 2 \\\n"
      "      --kms-key arn:aws:kms:eu-west-1:111122223333:key/1234abcd-...\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(init, invocation, [options, &invocation] { return run_init(*options, invocation); });
}

}  // namespace concordat::cli
