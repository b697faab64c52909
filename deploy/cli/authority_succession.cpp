// concordat authority sign | verify | adopt
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/signer_options.hpp"
#include "policy/authority_succession.hpp"
#include "policy/edit.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {
namespace {

using attest::AuthorityDescriptor;
using base::Error;
using base::Result;
using policy::Envelope;

struct SignOptions {
  std::string authority = kAuthorityFile;
  std::string successor = kSuccessorFile;
  SignerOptions signer;
  std::string out = kSuccessionFile;
  bool json = false;
};

struct VerifyOptions {
  std::string authority = kAuthorityFile;
  std::string succession = kSuccessionFile;
  bool json = false;
};

struct AdoptOptions {
  PolicyFiles files;
  std::string succession = kSuccessionFile;
  bool json = false;
};

struct Signed {
  AuthorityDescriptor successor;
  std::size_t valid = 0;
  unsigned threshold = 0;
};

struct Succeeded {
  AuthorityDescriptor authority;
  AuthorityDescriptor successor;
};

// What was signed before, to add to. Another successor's signatures are never dropped unasked.
Result<Envelope> with_earlier_signatures(const std::string& path, Envelope fresh) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return fresh;
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, policy::limits::kEnvelopeBytes));
  CONCORDAT_TRY(Envelope earlier, Envelope::parse(content));
  if (earlier.payload_type == fresh.payload_type && earlier.payload == fresh.payload) {
    return earlier;
  }
  return Error(base::FileErrc::cannot_write,
               path + " holds another succession; give another --out, or remove it");
}

Result<Signed> sign(const SignOptions& options) {
  CONCORDAT_TRY(const AuthorityDescriptor authority, read_authority_file(options.authority));
  CONCORDAT_TRY(AuthorityDescriptor successor, read_authority_file(options.successor));
  CONCORDAT_TRY(Envelope fresh, policy::propose_succession(authority, successor));
  CONCORDAT_TRY(Envelope envelope, with_earlier_signatures(options.out, std::move(fresh)));
  CONCORDAT_TRY(const auto signer, open_signer(options.signer));
  CONCORDAT_CHECK(require_signer(authority, *signer));
  CONCORDAT_CHECK(policy::add_signature(envelope, *signer));
  CONCORDAT_CHECK(base::write_file(options.out, envelope.encode()));
  return Signed{std::move(successor), policy::valid_signers(envelope, authority).size(),
                authority.threshold()};
}

ExitStatus run_sign(const SignOptions& options, const Invocation& invocation) {
  const auto result = sign(options);
  if (!result) return answer_failure(invocation, options.json, "authority sign", result.error());
  const bool complete = result->valid >= result->threshold;
  const std::string digest = result->successor.digest().hex();
  return answer(invocation, options.json,
                {{"successor", digest},
                 {"epoch", result->successor.epoch()},
                 {"signatures", result->valid},
                 {"threshold", result->threshold},
                 {"complete", complete},
                 {"file", options.out}},
                "signed epoch " + std::to_string(result->successor.epoch()) + ", authority " +
                    digest + "\n" + options.out + " has " + std::to_string(result->valid) +
                    " of the " + std::to_string(result->threshold) + " signatures it needs" +
                    (complete ? ": verify it with concordat authority verify\n" : "\n"));
}

Result<Succeeded> verify(const VerifyOptions& options) {
  CONCORDAT_TRY(AuthorityDescriptor authority, read_authority_file(options.authority));
  CONCORDAT_TRY(AuthorityDescriptor successor, read_succession(options.succession, authority));
  return Succeeded{std::move(authority), std::move(successor)};
}

ExitStatus run_verify(const VerifyOptions& options, const Invocation& invocation) {
  const auto result = verify(options);
  if (!result) return answer_failure(invocation, options.json, "authority verify", result.error());
  return answer(invocation, options.json, change_json(result->authority, result->successor),
                "the authority of epoch " + std::to_string(result->authority.epoch()) +
                    " hands over to this one:\n" +
                    change_text(result->authority, result->successor));
}

// The policy of the old authority under the new one. Done before already, it stays as it is.
Result<std::string> policy_for(const AdoptOptions& options, const Succeeded& result) {
  CONCORDAT_TRY(std::string text, read_policy_text(options.files));
  CONCORDAT_TRY(text, policy::name_authority(text, result.authority, result.successor));
  const auto checked = policy::check_policy(text, base::system_wall_clock(), &result.successor);
  for (const policy::Finding& finding : checked.findings) {
    if (finding.severity == policy::Severity::error) return finding.to_error();
  }
  return text;
}

Result<Succeeded> adopt(const AdoptOptions& options) {
  CONCORDAT_TRY(Succeeded result, verify({options.files.authority, options.succession, false}));
  CONCORDAT_TRY(const std::string text, policy_for(options, result));
  // The descriptor last: until it is replaced, the command can be repeated.
  CONCORDAT_CHECK(write_policy_text(options.files, text));
  CONCORDAT_CHECK(base::write_file(options.files.authority, result.successor.encoded()));
  return result;
}

ExitStatus run_adopt(const AdoptOptions& options, const Invocation& invocation) {
  const auto result = adopt(options);
  if (!result) return answer_failure(invocation, options.json, "authority adopt", result.error());
  nlohmann::ordered_json fields = {{"policy", options.files.policy},
                                   {"authority", options.files.authority}};
  fields.update(change_json(result->authority, result->successor));
  return answer(invocation, options.json, fields,
                "wrote " + options.files.policy + " (to be signed)\nwrote " +
                    options.files.authority + "\n" +
                    change_text(result->authority, result->successor));
}

void add_succession(Command command, std::string& path) {
  command.add_option("--succession", path, "What the old authority signed (DSSE envelope)")
      .type_name("FILE")
      .capture_default_str();
}

}  // namespace

void add_authority_sign(Command authority, Invocation& invocation) {
  auto options = std::make_shared<SignOptions>();
  const Command sign = authority.add_subcommand(
      "sign", "As a signer of the old authority, sign its successor, or add a signature");
  add_authority_file(sign, options->authority);
  sign.add_option("--successor", options->successor, "Descriptor of the changed authority")
      .type_name("FILE")
      .capture_default_str();
  add_signer_options(sign, options->signer);
  sign.add_option("--out", options->out, "The succession (DSSE envelope), written or added to")
      .type_name("FILE")
      .capture_default_str();
  sign.add_flag("--json", options->json, "Print one JSON object");
  sign.footer(
      "Look at the successor first: concordat authority show authority.next.cbor\n"
      "Examples:\n"
      "  concordat authority sign --key alice.key\n"
      "  concordat authority sign --token 'pkcs11:token=ops;object=bob' --pin-fd 3 3< pin.txt \\\n"
      "      --module /usr/lib/softhsm/libsofthsm2.so\n"
      "Exit status: 0 signed, 2 refused, 1 usage or input/output error.");
  on_chosen(sign, invocation, [options, &invocation] { return run_sign(*options, invocation); });
}

void add_authority_verify(Command authority, Invocation& invocation) {
  auto options = std::make_shared<VerifyOptions>();
  const Command verify = authority.add_subcommand(
      "verify", "Check that the old authority signed its successor, and say what to do again");
  add_authority_file(verify, options->authority);
  add_succession(verify, options->succession);
  verify.add_flag("--json", options->json, "Print one JSON object");
  verify.footer(
      "The threshold of the old authority must have signed; the successor must be of the same "
      "realm\n"
      "and of a higher epoch. Run it before a KMS key policy is given another PCR16.\n"
      "Example:\n"
      "  concordat authority verify --authority authority.cbor\n"
      "Exit status: 0 verified, 2 refused, 1 usage or input/output error.");
  on_chosen(verify, invocation,
            [options, &invocation] { return run_verify(*options, invocation); });
}

void add_authority_adopt(Command authority, Invocation& invocation) {
  auto options = std::make_shared<AdoptOptions>();
  const Command adopt = authority.add_subcommand(
      "adopt", "After verifying it, put the successor into the descriptor and the policy file");
  add_policy_files(adopt, options->files);
  add_succession(adopt, options->succession);
  adopt.add_flag("--json", options->json, "Print one JSON object");
  adopt.footer(
      "Raises the policy's serial. Enclaves go on under the old authority until they are "
      "restarted.\n"
      "Example:\n"
      "  concordat authority adopt && concordat policy check\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(adopt, invocation, [options, &invocation] { return run_adopt(*options, invocation); });
}

}  // namespace concordat::cli
