// concordat session show | verify-receipt
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/session_command.hpp"
#include "policy/finding.hpp"
#include "session/receipt.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using nlohmann::ordered_json;

struct SessionShowOptions {
  std::string session = kSignedSessionFile;
  bool json = false;
};

struct ReceiptOptions {
  std::string receipt = "receipt.cbor";
  std::vector<std::string> authorities;
  std::string lab_root;
  bool json = false;
};

ExitStatus run_session_show(const SessionShowOptions& options, const Invocation& invocation) {
  const auto file = read_session_file(options.session);
  if (!file) return answer_failure(invocation, options.json, "session show", file.error());
  auto fields = to_json(file->descriptor.fields(), file->descriptor.digest());
  fields["signatures"] = file->envelope.signatures.size();
  return answer(invocation, options.json, fields,
                to_text(file->descriptor.fields(), file->descriptor.digest()) +
                    std::to_string(file->envelope.signatures.size()) +
                    " signatures, none verified: concordat session check\n");
}

Result<session::VerifiedReceipt> verify(const ReceiptOptions& options) {
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file(options.receipt, session::limits::kReceiptBytes));
  CONCORDAT_TRY(const auto authorities, read_authorities(options.authorities));
  CONCORDAT_TRY(const attest::TrustAnchors anchors, trust_anchors(options.lab_root));
  return session::verify_receipt(content, authorities, anchors);
}

ordered_json to_json(const session::VerifiedReceipt& receipt) {
  const session::DescriptorFields& fields = receipt.descriptor->fields();
  ordered_json parties = ordered_json::array();
  for (const session::RosterSeat& seat : receipt.roster.seats) {
    const attest::VerifiedClaims& claims = receipt.claims.at(seat.index);
    parties.push_back({{"party", seat.index},
                       {"name", fields.party(seat.index)->name},
                       {"realm", fields.party(seat.index)->realm},
                       {"module_id", seat.module_id},
                       {"pcr0", seat.pcr0.hex()},
                       {"pcr16", seat.pcr16.hex()},
                       {"session_key", seat.key.hex()},
                       {"confirmed", true},
                       {"document_time", base::format_rfc3339(claims.timestamp())}});
  }
  return {{"session", fields.id},
          {"digest", receipt.descriptor->digest().hex()},
          {"protocol", fields.protocol},
          {"purpose", fields.purpose},
          {"run", receipt.run.hex()},
          {"receipt_of", fields.party(receipt.party)->name},
          {"result_sha256", receipt.result.hex()},
          {"confirmed_by_all", true},
          {"time", base::format_rfc3339(receipt.time)},
          {"parties", std::move(parties)}};
}

std::string to_text(const session::VerifiedReceipt& receipt) {
  const session::DescriptorFields& fields = receipt.descriptor->fields();
  std::string out = "session    " + fields.id + ", " + fields.protocol + ", digest " +
                    receipt.descriptor->digest().hex() + "\npurpose    " +
                    policy::quote(fields.purpose) + "\nrun        " + receipt.run.hex() +
                    "\nresult     SHA-256 " + receipt.result.hex() + ", confirmed by all " +
                    std::to_string(receipt.roster.seats.size()) + " parties\nreceipt    of " +
                    fields.name_of(receipt.party) + " at " + base::format_rfc3339(receipt.time) +
                    "\n";
  for (const session::RosterSeat& seat : receipt.roster.seats) {
    out += fields.name_of(seat.index) + " of realm " + fields.party(seat.index)->realm +
           ": enclave " + policy::quote(seat.module_id) + ", attested at " +
           base::format_rfc3339(receipt.claims.at(seat.index).timestamp()) +
           ", confirmed the result\n  PCR0 " + seat.pcr0.hex() + "\n";
  }
  return out + "accepted\n";
}

ExitStatus run_verify_receipt(const ReceiptOptions& options, const Invocation& invocation) {
  const auto receipt = verify(options);
  if (!receipt) {
    return answer_failure(invocation, options.json, "session verify-receipt", receipt.error());
  }
  return answer(invocation, options.json, to_json(*receipt), to_text(*receipt));
}

}  // namespace

void add_session_show(Command session, Invocation& invocation) {
  auto options = std::make_shared<SessionShowOptions>();
  const Command show = session.add_subcommand("show", "Print what a session's descriptor says");
  show.add_option("FILE", options->session, "Signed session, or its descriptor")
      .capture_default_str();
  show.add_flag("--json", options->json, "Print one JSON object");
  show.footer(
      "Examples:\n"
      "  concordat session show\n"
      "  concordat session show session.json --json\n"
      "Exit status: 0 printed, 2 not a session, 1 usage or input/output error.");
  on_chosen(show, invocation,
            [options, &invocation] { return run_session_show(*options, invocation); });
}

void add_session_verify_receipt(Command session, Invocation& invocation) {
  auto options = std::make_shared<ReceiptOptions>();
  const Command verify = session.add_subcommand(
      "verify-receipt",
      "Verify who took part in a run, by which code, and that all confirmed its result");
  verify.add_option("FILE", options->receipt, "Receipt, as a party wrote it").capture_default_str();
  add_authorities(verify, options->authorities);
  add_lab_root(verify, invocation, options->lab_root);
  verify.add_flag("--json", options->json, "Print one JSON object");
  verify.footer(
      "Offline: every authority's signatures, every document at its own time under AWS's roots,\n"
      "every party's signatures under the roster and under the result, and the receipt's own: all\n"
      "parties confirmed this result, or it is refused. Compare PCR0 with the images that you\n"
      "expect.\n"
      "Examples:\n"
      "  concordat session verify-receipt --authority a.cbor --authority b.cbor\n"
      "  concordat session verify-receipt old.cbor --authority a.cbor --authority b.cbor --json\n"
      "Exit status: 0 accepted, 2 refused, 1 usage or input/output error.");
  on_chosen(verify, invocation,
            [options, &invocation] { return run_verify_receipt(*options, invocation); });
}

}  // namespace concordat::cli
