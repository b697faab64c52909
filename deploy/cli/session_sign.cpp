// concordat session sign
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/session_command.hpp"
#include "deploy/cli/signer_options.hpp"
#include "session/protocols.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;

struct SessionSignOptions {
  std::string session = kSessionFile;
  std::string authority = kAuthorityFile;
  SignerOptions signer;
  std::string out = kSignedSessionFile;
  bool json = false;
};

struct SignedSession {
  session::UnverifiedDescriptor descriptor;
  std::string realm;
  std::size_t valid = 0;
  unsigned threshold = 0;
};

// What was signed before, to add to: of the same bytes only, since whoever signed the others did
// not sign these.
Result<SessionFile> open_signed(const SessionSignOptions& options) {
  CONCORDAT_TRY(SessionFile fresh, read_session_file(options.session));
  std::error_code none;
  if (!std::filesystem::exists(options.out, none)) return fresh;
  CONCORDAT_TRY(SessionFile earlier, read_session_file(options.out));
  if (earlier.envelope.payload == fresh.envelope.payload) return earlier;
  return Error(session::DescriptorErrc::malformed,
               options.out + " holds another session, of digest " +
                   earlier.descriptor.digest().hex() + "; write to another file with --out");
}

Result<SignedSession> sign_session(const SessionSignOptions& options) {
  CONCORDAT_TRY(SessionFile file, open_signed(options));
  CONCORDAT_CHECK(session::check_parameters(file.descriptor.fields(), session::judge_parameters));
  CONCORDAT_TRY(const attest::AuthorityDescriptor authority,
                read_authority_file(options.authority));
  const auto& parties = file.descriptor.fields().parties;
  const auto own = std::ranges::find(parties, authority.digest(), &session::PartyEntry::authority);
  if (own == parties.end()) {
    return Error(session::DescriptorErrc::no_such_party, "none is under the authority of realm " +
                                                             authority.realm() + ", digest " +
                                                             authority.digest().hex());
  }
  CONCORDAT_CHECK(session::authority_of(*own, {&authority, 1}));
  CONCORDAT_TRY(const auto signer, open_signer(options.signer));
  CONCORDAT_CHECK(require_signer(authority, *signer));
  CONCORDAT_CHECK(policy::add_signature(file.envelope, *signer));
  CONCORDAT_CHECK(base::write_file(options.out, file.envelope.encode()));
  return SignedSession{std::move(file.descriptor), authority.realm(),
                       policy::valid_signers(file.envelope, authority).size(),
                       authority.threshold()};
}

ExitStatus run_session_sign(const SessionSignOptions& options, const Invocation& invocation) {
  const auto result = sign_session(options);
  if (!result) return answer_failure(invocation, options.json, "session sign", result.error());
  const bool complete = result->valid >= result->threshold;
  const auto& fields = result->descriptor.fields();
  return answer(invocation, options.json,
                {{"id", fields.id},
                 {"digest", result->descriptor.digest().hex()},
                 {"realm", result->realm},
                 {"signatures", result->valid},
                 {"threshold", result->threshold},
                 {"complete", complete},
                 {"file", options.out}},
                to_text(fields, result->descriptor.digest()) + options.out + " has " +
                    std::to_string(result->valid) + " of the " + std::to_string(result->threshold) +
                    " signatures that realm " + result->realm + " needs\n");
}

}  // namespace

void add_session_sign(Command session, Invocation& invocation) {
  auto options = std::make_shared<SessionSignOptions>();
  const Command sign = session.add_subcommand(
      "sign", "Sign a session for one's realm, beside the others' signatures");
  sign.add_option("--session", options->session, "The descriptor, or a signed one")
      .type_name("FILE")
      .capture_default_str();
  add_authority_file(sign, options->authority);
  add_signer_options(sign, options->signer);
  sign.add_option("--out", options->out, "Signed session (DSSE envelope), written or added to")
      .type_name("FILE")
      .capture_default_str();
  sign.add_flag("--json", options->json, "Print one JSON object");
  sign.footer(
      "Prints what it signs: read it. Signers of every realm sign the same bytes, in any order.\n"
      "Parameters that the protocol does not take are not signed.\n"
      "Examples:\n"
      "  concordat session sign --key alice.key\n"
      "  concordat session sign --session from-a.signed.json --out session.signed.json \\\n"
      "      --authority b.cbor --key bob.key --json\n"
      "  concordat session sign --token 'pkcs11:token=ops;object=carol' --pin-fd 3 3< pin.txt \\\n"
      "      --module /usr/lib/softhsm/libsofthsm2.so\n"
      "Exit status: 0 signed, 2 refused, 1 usage or input/output error.");
  on_chosen(sign, invocation,
            [options, &invocation] { return run_session_sign(*options, invocation); });
}

}  // namespace concordat::cli
