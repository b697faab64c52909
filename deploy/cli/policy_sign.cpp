// concordat policy sign
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/passphrase.hpp"
#include "deploy/cli/policy_files.hpp"
#include "policy/limits.hpp"
#include "policy/signer_key.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::SecretBytes;
using policy::Envelope;
using policy::SigningKey;

struct Options {
  PolicyFiles files;
  std::string key;
  std::optional<int> passphrase_fd;
  std::string out = "policy.signed.json";
  bool json = false;
};

struct Signed {
  std::uint64_t serial = 0;
  policy::PolicyDigest digest;
  std::size_t valid = 0;
  unsigned threshold = 0;
};

// A key file that others can read has signed for others, too.
base::Status must_be_private(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) {
    return Error(base::FileErrc::cannot_read, path + ": " + std::strerror(errno));
  }
  if ((file.st_mode & 077) != 0) {
    return Error(base::FileErrc::cannot_read,
                 path + ": others may read it; run: chmod 600 " + path);
  }
  return {};
}

Result<SigningKey> open_key(const Options& options) {
  CONCORDAT_CHECK(must_be_private(options.key));
  CONCORDAT_TRY(const SecretBytes file, base::read_secret_file(options.key, policy::kMaxKeyFile));
  if (options.passphrase_fd) {
    CONCORDAT_TRY(const SecretBytes passphrase, read_passphrase(*options.passphrase_fd));
    return SigningKey::decode(file, &passphrase);
  }
  auto key = SigningKey::decode(file, nullptr);
  if (key || !key.error().is(policy::KeyFileErrc::passphrase_needed)) return key;
  if (!can_ask()) {
    return Error(policy::KeyFileErrc::passphrase_needed, options.key + ": give --passphrase-fd");
  }
  CONCORDAT_TRY(const SecretBytes passphrase, ask_passphrase("Passphrase: "));
  return SigningKey::decode(file, &passphrase);
}

// What was signed before, to add to; or a new envelope when the policy has moved on.
Result<Envelope> open_envelope(const Options& options, const OpenPolicy& open) {
  Envelope fresh{
      std::string(policy::kPolicyPayloadType), base::to_bytes(base::as_bytes(open.text)), {}};
  std::error_code none;
  if (!std::filesystem::exists(options.out, none)) return fresh;
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file(options.out, policy::limits::kEnvelopeBytes));
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
  CONCORDAT_CHECK(base::harden_process());
  CONCORDAT_TRY(const OpenPolicy open, open_policy(options.files));
  CONCORDAT_TRY(Envelope envelope, open_envelope(options, open));
  CONCORDAT_TRY(const SigningKey key, open_key(options));
  const auto& signers = open.authority.signers();
  if (std::ranges::find(signers, key.public_key()) == signers.end()) {
    return Error(policy::SignatureErrc::not_a_signer, "key " + policy::key_id(key.public_key()));
  }
  policy::add_signature(envelope, key);
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

void add_policy_sign(CLI::App& policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* sign = policy.add_subcommand("sign", "Sign the policy, or add a signature to it");
  add_policy_files(*sign, options->files);
  sign->add_option("--key", options->key, "Secret key file of a signer (keygen)")
      ->type_name("FILE")
      ->required();
  sign->add_option("--passphrase-fd", options->passphrase_fd,
                   "Read the key's passphrase from this file descriptor")
      ->type_name("N");
  sign->add_option("--out", options->out, "Signed policy (DSSE envelope), written or added to")
      ->type_name("FILE")
      ->capture_default_str();
  sign->add_flag("--json", options->json, "Print one JSON object");
  sign->footer(
      "Each signer signs the same bytes, in any order, on any machine. Asks for a passphrase only\n"
      "where standard input is a terminal.\n"
      "Examples:\n"
      "  concordat policy sign --key alice.key\n"
      "  concordat policy sign --key bob.key --passphrase-fd 3 3< passphrase.txt --json\n"
      "Exit status: 0 signed, 2 refused, 1 usage or input/output error.");
  on_chosen(*sign, invocation, [options, &invocation] { return run_sign(*options, invocation); });
}

}  // namespace concordat::cli
