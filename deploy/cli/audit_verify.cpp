// concordat audit verify
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/audit_command.hpp"
#include "deploy/cli/audit_report.hpp"

namespace concordat::cli {
namespace {

ExitStatus run_verify(const AuditOptions& options, const Invocation& invocation) {
  auto input = AuditInput::open(options);
  if (!input) return fail(invocation, "audit verify", input.error());
  const auto report = keyservice::audit::verify_log(input->folder, input->wanted->expectations,
                                                    {.progress = audit_progress(invocation)});
  if (options.json) {
    print_json(invocation, to_json(report));
  } else {
    invocation.out << to_text(report, options.authorities.empty());
  }
  return report.is_good() ? ExitStatus::done : ExitStatus::refused;
}

}  // namespace

void add_audit_verify(Command audit, Invocation& invocation) {
  auto options = std::make_shared<AuditOptions>();
  const Command verify = audit.add_subcommand(
      "verify", "Check a whole log: every byte of it, every signature, every document");
  add_audit_options(verify, invocation, *options);
  verify.add_flag("--json", options->json, "Print one JSON object");
  verify.footer(
      "Needs nothing but the folder: attestation documents are verified at their own time, and\n"
      "each boot of the custodian under the policy that it names. What is wrong is named: the\n"
      "entry, the tile and hash, the evidence, the line of the checkpoint.\n"
      "An older copy of a whole log is whole, too. Keep checkpoints elsewhere and give them with\n"
      "--seen, or require a witness's signature.\n"
      "Examples:\n"
      "  concordat audit verify audit-2026-01 --authority authority.cbor\n"
      "  concordat audit verify audit-2026-02 --seen audit-2026-01/checkpoint --json\n"
      "Exit status: 0 good, 2 refused, 1 usage or input/output error.");
  on_chosen(verify, invocation,
            [options, &invocation] { return run_verify(*options, invocation); });
}

}  // namespace concordat::cli
