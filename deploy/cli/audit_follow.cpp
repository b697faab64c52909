// concordat audit follow
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/audit_command.hpp"
#include "deploy/cli/audit_report.hpp"
#include "deploy/cli/audit_source.hpp"
#include "deploy/cli/end_signals.hpp"
#include "keyservice/audit/follow.hpp"

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;

struct AuditFollowOptions {
  AuditStoreOptions from;
  AuditExpected expected;
  unsigned every = 2;
  bool once = false;
  bool json = false;
};

ExitStatus tell_findings(const audit::Follower& follower, const AuditFollowOptions& options,
                         const Invocation& invocation) {
  for (const audit::Finding& finding : follower.findings()) {
    if (options.json) print_json(invocation, {{"finding", to_json(finding)}});
    invocation.err << invocation.program << ": " << finding.to_string() << "\n";
  }
  return ExitStatus::refused;
}

ExitStatus run_follow(const AuditFollowOptions& options, const Invocation& invocation) {
  auto log = ParentLog::open(options.from, invocation.call_parent);
  if (!log) return fail(invocation, "audit follow", log.error());
  const auto wanted = AuditWanted::read(options.expected);
  if (!wanted) return fail(invocation, "audit follow", wanted.error());
  audit::Follower follower(*log, (*wanted)->expectations);
  const auto show = [&](std::uint64_t index, const audit::Entry& entry) {
    if (options.json) {
      print_json(invocation, to_json(index, entry));
    } else {
      invocation.out << to_text(index, entry);
    }
  };
  const EndSignals signals;
  std::string trouble;
  do {
    const auto looked = follower.look(show);
    invocation.out.flush();
    if (looked && !*looked) return tell_findings(follower, options, invocation);
    const std::string now = looked ? "" : looked.error().to_string();
    if (!looked && options.once) return fail(invocation, "audit follow", looked.error());
    if (now != trouble && !now.empty()) (void)fail(invocation, "audit follow", looked.error());
    trouble = now;
  } while (!options.once && !signals.wait(std::chrono::seconds(std::max(options.every, 1U))));
  return ExitStatus::done;
}

}  // namespace

void add_audit_follow(Command audit, Invocation& invocation) {
  auto options = std::make_shared<AuditFollowOptions>();
  const Command command = audit.add_subcommand(
      "follow", "Print a custodian's log as it grows, each entry when it is verified");
  add_audit_store_options(command, options->from);
  add_audit_expectations(command, invocation, options->expected);
  command.add_option("--every", options->every, "Seconds between two looks").type_name("SECONDS");
  command.add_flag("--once", options->once, "Look once and end");
  command.add_flag("--json", options->json, "Print one JSON object a line");
  command.footer(
      "Begins at the log's first entry. What was verified once must stay: a log that is shorter\n"
      "than it was, or another one, ends this with status 2 and the finding, whatever the\n"
      "parent says later. A parent that does not answer is asked again.\n"
      "Examples:\n"
      "  concordat audit follow --parent unix:/run/concordat/operator.sock\n"
      "  concordat audit follow --parent tcp:127.0.0.1:8900 --authority authority.cbor --json\n"
      "Exit status: 0 ended by a signal, or after --once, 2 refused, 1 usage or input/output\n"
      "error.");
  on_chosen(command, invocation,
            [options, &invocation] { return run_follow(*options, invocation); });
}

}  // namespace concordat::cli
