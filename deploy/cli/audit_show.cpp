// concordat audit show
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/audit_command.hpp"
#include "deploy/cli/audit_report.hpp"

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;

struct ShowOptions {
  AuditOptions log;
  std::vector<std::string> kinds;
  std::string subject;
  std::string key;
  std::optional<std::uint64_t> from;
  std::optional<std::uint64_t> to;
};

bool is_wanted(const ShowOptions& options, std::uint64_t index, const audit::Entry& entry) {
  const audit::Event& event = entry.event;
  if (options.from && index < *options.from) return false;
  if (options.to && index > *options.to) return false;
  if (!options.kinds.empty() &&
      std::ranges::find(options.kinds, to_string(event.kind)) == options.kinds.end()) {
    return false;
  }
  if (!options.subject.empty() && (!event.subject || (event.subject->name != options.subject &&
                                                      event.subject->id != options.subject))) {
    return false;
  }
  return options.key.empty() || (event.key && event.key->name == options.key);
}

ExitStatus run_show(const ShowOptions& options, const Invocation& invocation) {
  auto input = AuditInput::open(options.log);
  if (!input) return fail(invocation, "audit show", input.error());
  const auto show = [&](std::uint64_t index, const audit::Entry& entry) {
    if (!is_wanted(options, index, entry)) return;
    if (options.log.json) {
      print_json(invocation, to_json(index, entry));
    } else {
      invocation.out << to_text(index, entry);
    }
  };
  const auto report = audit::verify_log(input->folder, input->wanted->expectations,
                                        {.progress = audit_progress(invocation), .entry = show});
  for (const audit::Finding& finding : report.findings)
    invocation.err << invocation.program << ": " << finding.to_string() << "\n";
  return report.is_good() ? ExitStatus::done : ExitStatus::refused;
}

std::string check_kind(const std::string& text) {
  std::string known;
  for (auto kind = static_cast<int>(audit::Kind::boot); kind <= static_cast<int>(audit::kLastKind);
       ++kind) {
    const auto name = to_string(static_cast<audit::Kind>(kind));
    if (name == text) return {};
    known += " " + std::string(name);
  }
  return "no kind of entry; there are" + known;
}

}  // namespace

void add_audit_show(Command audit, Invocation& invocation) {
  auto options = std::make_shared<ShowOptions>();
  const Command show =
      audit.add_subcommand("show", "Print the entries of a log, which is checked as by verify");
  add_audit_options(show, invocation, options->log);
  show.add_option("--kind", options->kinds, "Only entries of this kind; again for another")
      .type_name("KIND")
      .one_value_each()
      .check(check_kind);
  show.add_option("--subject", options->subject, "Only of this role, operator, module or key id")
      .type_name("NAME");
  show.add_option("--key", options->key, "Only about this key").type_name("NAME");
  show.add_option("--from", options->from, "Only from this entry on").type_name("INDEX");
  show.add_option("--to", options->to, "Only up to this entry").type_name("INDEX");
  show.add_flag("--json", options->log.json, "Print one JSON object a line");
  show.footer(
      "Entries that the log did not commit to are not printed. Findings go to standard error.\n"
      "Examples:\n"
      "  concordat audit show audit-2026-01 --kind release --kind refusal\n"
      "  concordat audit show audit-2026-01 --key payments/card-tokens --json\n"
      "Exit status: 0 the log is good, 2 it is not, 1 usage or input/output error.");
  on_chosen(show, invocation, [options, &invocation] { return run_show(*options, invocation); });
}

}  // namespace concordat::cli
