// concordat policy pin-root
#include <nlohmann/json.hpp>

#include "attest/base/hash.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "policy/edit.hpp"
#include "policy/genesis.hpp"

namespace concordat::cli {
namespace {

struct Options {
  PolicyFiles files;
  std::string document;
  std::string challenge;
  std::string lab_root;
  bool json = false;
};

base::Result<policy::GenesisEvidence> pin_root(const Options& options) {
  CONCORDAT_TRY(const auto challenge, policy::GenesisChallenge::from_hex(options.challenge));
  CONCORDAT_TRY(const auto claims, read_claims(options.document, options.lab_root));
  policy::GenesisEvidence evidence;
  CONCORDAT_CHECK(
      edit_policy(options.files, [&](const OpenPolicy& open) -> base::Result<std::string> {
        const policy::PolicyDigest digest = base::sha256({base::as_bytes(open.text)});
        CONCORDAT_TRY(evidence, policy::verify_genesis(claims, open.model, digest, challenge));
        return policy::pin_root(open.text, evidence.statement.generation,
                                evidence.statement.commitment);
      }));
  return evidence;
}

ExitStatus run_pin_root(const Options& options, const Invocation& invocation) {
  const auto evidence = pin_root(options);
  if (!evidence) return answer_failure(invocation, options.json, "pin-root", evidence.error());
  const std::string commitment = base::to_hex(evidence->statement.commitment);
  const std::string blob = evidence->statement.blob.hex();
  return answer(invocation, options.json,
                {{"generation", evidence->statement.generation},
                 {"commitment", commitment},
                 {"blob_sha256", blob},
                 {"role", evidence->role},
                 {"image", evidence->image}},
                "pinned root generation " + std::to_string(evidence->statement.generation) +
                    ", made by image " + evidence->image + " in role " + evidence->role +
                    "\ncommitment  " + commitment + "\nsealed root " + blob +
                    " (SHA-256)\nnow sign the policy\n");
}

}  // namespace

void add_policy_pin_root(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command pin = policy.add_subcommand(
      "pin-root", "Pin the root that a custodian made, after verifying its genesis document");
  add_policy_files(pin, options->files);
  pin.add_option("--document", options->document,
                 "Genesis document: raw CBOR, base64 or hex; - is standard input")
      .type_name("FILE")
      .required();
  pin.add_option("--challenge", options->challenge,
                 "The 32 bytes (hex) that the custodian was challenged with")
      .type_name("HEX")
      .required()
      .check([](const std::string& text) {
        const auto challenge = policy::GenesisChallenge::from_hex(text);
        return challenge ? std::string() : challenge.error().to_string();
      });
  add_lab_root(pin, invocation, options->lab_root);
  pin.add_flag("--json", options->json, "Print one JSON object");
  pin.footer(
      "The policy file must be byte for byte the one that was signed for genesis.\n"
      "Example:\n"
      "  concordat policy pin-root --document genesis.cbor --challenge $(cat challenge.hex)\n"
      "Exit status: 0 pinned, 2 refused, 1 usage or input/output error.");
  on_chosen(pin, invocation, [options, &invocation] { return run_pin_root(*options, invocation); });
}

}  // namespace concordat::cli
