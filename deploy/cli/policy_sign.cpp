// concordat policy sign
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/signer_options.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using policy::Envelope;

struct Options {
  PolicyFiles files;
  SignerOptions signer;
  std::string out = "policy.signed.json";
  bool json = false;
};

struct Signed {
  std::uint64_t serial = 0;
  policy::PolicyDigest digest;
  std::size_t valid = 0;
  unsigned threshold = 0;
};

// What was signed before, to add to; or a new envelope when the policy has moved on.
Result<Envelope> open_envelope(const Options& options, const OpenPolicy& open) {
  Envelope fresh{
      std::string(policy::kPolicyPayloadType), base::to_bytes(base::as_bytes(open.text)), {}};
  std::error_code none;
  if (!std::filesystem::exists(options.out, none)) return fresh;
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file_start(options.out, policy::limits::kEnvelopeBytes + 1));
  CONCORDAT_TRY(Envelope earlier, Envelope::parse(content));
  if (earlier.payload_type != policy::kPolicyPayloadType) {
    return Error(policy::SignatureErrc::wrong_payload_type, options.out);
  }
  if (earlier.payload == fresh.payload) return earlier;
  CONCORDAT_TRY(const policy::Model model, policy::load_policy(base::as_text(earlier.payload)));
  if (model.serial > open.model.serial) {
    return Error(policy::SignatureErrc::serial_lower,
                 options.out + " has serial " + std::to_string(model.serial) + ", this file " +
                     std::to_string(open.model.serial));
  }
  // Two policies of one serial would set enclaves against each other.
  if (model.serial == open.model.serial && !earlier.signatures.empty()) {
    return Error(policy::SignatureErrc::serial_conflict,
                 options.out + " holds another policy of serial " + std::to_string(model.serial) +
                     "; raise the serial in " + options.files.policy);
  }
  return fresh;
}

Result<Signed> sign(const Options& options) {
  CONCORDAT_TRY(const OpenPolicy open, open_policy(options.files));
  CONCORDAT_TRY(Envelope envelope, open_envelope(options, open));
  CONCORDAT_TRY(const auto signer, open_signer(options.signer));
  CONCORDAT_CHECK(require_signer(open.authority, *signer));
  CONCORDAT_CHECK(policy::add_signature(envelope, *signer));
  CONCORDAT_CHECK(base::write_file(options.out, envelope.encode()));
  return Signed{open.model.serial, base::sha256({envelope.payload}),
                policy::valid_signers(envelope, open.authority).size(), open.authority.threshold()};
}

ExitStatus run_sign(const Options& options, const Invocation& invocation) {
  const auto result = sign(options);
  if (!result) return answer_failure(invocation, options.json, "sign", result.error());
  const bool complete = result->valid >= result->threshold;
  return answer(invocation, options.json,
                {{"serial", result->serial},
                 {"digest", result->digest.hex()},
                 {"signatures", result->valid},
                 {"threshold", result->threshold},
                 {"complete", complete},
                 {"file", options.out}},
                "signed serial " + std::to_string(result->serial) + ", digest " +
                    result->digest.hex() + "\n" + options.out + " has " +
                    std::to_string(result->valid) + " of the " + std::to_string(result->threshold) +
                    " signatures it needs" + (complete ? ": ready to hand out\n" : "\n"));
}

}  // namespace

void add_policy_sign(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command sign = policy.add_subcommand("sign", "Sign the policy, or add a signature to it");
  add_policy_files(sign, options->files);
  add_signer_options(sign, options->signer);
  sign.add_option("--out", options->out, "Signed policy (DSSE envelope), written or added to")
      .type_name("FILE")
      .capture_default_str();
  sign.add_flag("--json", options->json, "Print one JSON object");
  sign.footer(
      "Each signer signs the same bytes, in any order, on any machine. Asks for a passphrase or\n"
      "PIN only where standard input is a terminal.\n"
      "Examples:\n"
      "  concordat policy sign --key alice.key\n"
      "  concordat policy sign --key bob.key --passphrase-fd 3 3< passphrase.txt --json\n"
      "  concordat policy sign --token 'pkcs11:token=ops;object=carol' --pin-fd 3 3< pin.txt \\\n"
      "      --module /usr/lib/softhsm/libsofthsm2.so\n"
      "Exit status: 0 signed, 2 refused, 1 usage or input/output error.");
  on_chosen(sign, invocation, [options, &invocation] { return run_sign(*options, invocation); });
}

}  // namespace concordat::cli
