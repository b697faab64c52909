// concordat session verify-evidence
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/session_command.hpp"
#include "policy/finding.hpp"
#include "session/proof.hpp"
#include "session/protocols.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using nlohmann::ordered_json;
using session::ProofErrc;

struct EvidenceOptions {
  std::string evidence;
  std::vector<std::string> authorities;
  std::string against, run;
  std::string lab_root;
  bool json = false;
};

Result<session::VerifiedProof> verify(const EvidenceOptions& options) {
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file(options.evidence, session::limits::kProofBytes));
  CONCORDAT_TRY(const auto authorities, read_authorities(options.authorities));
  CONCORDAT_TRY(const attest::TrustAnchors anchors, trust_anchors(options.lab_root));
  CONCORDAT_TRY(session::VerifiedProof proof,
                session::verify_proof(content, authorities, anchors, session::watch_protocol));
  if (!options.run.empty() && proof.group.run.hex() != options.run) {
    return Error(ProofErrc::other_run, proof.group.run.hex());
  }
  if (options.against.empty()) return proof;
  const session::DescriptorFields& fields = proof.group.descriptor->fields();
  CONCORDAT_TRY(const session::PartyIndex wanted, party_named(fields, options.against));
  if (proof.guilty == wanted) return proof;
  return Error(ProofErrc::other_party, fields.name_of(proof.guilty));
}

ordered_json to_json(const session::VerifiedProof& proof) {
  const session::DescriptorFields& fields = proof.group.descriptor->fields();
  const session::RosterSeat& seat = *proof.group.roster.seat(proof.guilty);
  return {{"session", fields.id},
          {"digest", proof.group.descriptor->digest().hex()},
          {"protocol", fields.protocol},
          {"run", proof.group.run.hex()},
          {"guilty",
           {{"party", proof.guilty},
            {"name", fields.party(proof.guilty)->name},
            {"realm", fields.party(proof.guilty)->realm},
            {"module_id", seat.module_id},
            {"pcr0", seat.pcr0.hex()},
            {"session_key", seat.key.hex()}}},
          {"what", proof.what},
          {"round", proof.round}};
}

std::string to_text(const session::VerifiedProof& proof) {
  const session::DescriptorFields& fields = proof.group.descriptor->fields();
  const session::RosterSeat& seat = *proof.group.roster.seat(proof.guilty);
  return "session    " + fields.id + ", " + fields.protocol + ", digest " +
         proof.group.descriptor->digest().hex() + "\nrun        " + proof.group.run.hex() +
         "\nguilty     " + fields.name_of(proof.guilty) + " of realm " +
         fields.party(proof.guilty)->realm + ": " + proof.what + "\nenclave    " +
         policy::quote(seat.module_id) + ", attested at " +
         base::format_rfc3339(proof.group.claims.at(proof.guilty).timestamp()) + "\n  PCR0 " +
         seat.pcr0.hex() + "\nproved\n";
}

ExitStatus run_verify_evidence(const EvidenceOptions& options, const Invocation& invocation) {
  const auto proof = verify(options);
  if (!proof) {
    return answer_failure(invocation, options.json, "session verify-evidence", proof.error());
  }
  return answer(invocation, options.json, to_json(*proof), to_text(*proof));
}

}  // namespace

void add_session_verify_evidence(Command session, Invocation& invocation) {
  auto options = std::make_shared<EvidenceOptions>();
  const Command verify = session.add_subcommand(
      "verify-evidence", "Verify that a party of a run broke the protocol, and which one");
  verify.add_option("FILE", options->evidence, "Evidence, as `run --evidence` wrote it").required();
  add_authorities(verify, options->authorities);
  verify
      .add_option("--against", options->against,
                  "Refuse what proves another party's guilt: name or index")
      .type_name("PARTY");
  verify.add_option("--run", options->run, "Refuse what is of another run: its id")
      .type_name("HEX");
  add_lab_root(verify, invocation, options->lab_root);
  verify.add_flag("--json", options->json, "Print one JSON object");
  verify.footer(
      "Offline, and without faith in whoever shows it: every authority's signatures, every\n"
      "document at its own time under AWS's roots, every party's signature under the roster, the\n"
      "signatures in the evidence, and then the protocol's own check, by the broadcasts that all\n"
      "parties echoed. An accusation that does not hold proves its accuser's guilt. Compare PCR0\n"
      "with the images that you expect: an image that does not keep its session key to itself can\n"
      "be made to look guilty.\n"
      "Examples:\n"
      "  concordat session verify-evidence proof.3 --authority a.cbor --authority b.cbor\n"
      "  concordat session verify-evidence proof.3 --against bank-c --json \\\n"
      "      --authority a.cbor --authority b.cbor --authority c.cbor\n"
      "Exit status: 0 proved, 2 refused, 1 usage or input/output error.");
  on_chosen(verify, invocation,
            [options, &invocation] { return run_verify_evidence(*options, invocation); });
}

}  // namespace concordat::cli
