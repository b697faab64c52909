// concordat session run
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/utf8.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/operator_options.hpp"
#include "deploy/cli/session_command.hpp"
#include "keyservice/keyring/envelope.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Result;
using base::Status;
using nlohmann::ordered_json;
using session::DescriptorFields;

constexpr mode_t kSealedFileMode = 0600;

struct SessionRunOptions {
  std::string session = kSignedSessionFile;
  std::string self;
  std::vector<std::string> authorities;
  OperatorOptions at;
  std::string input, kept;
  std::string result, receipt, keep, evidence;
  unsigned wait = 300;
  bool resume = false;
  bool json = false;
};

// A run that came to its end, with or without a result.
struct FinishedRun {
  session::UnverifiedDescriptor descriptor;
  session::PartyIndex self = 0;
  SessionOutcome outcome;
};

Result<std::vector<Bytes>> encoded_authorities(const SessionRunOptions& options) {
  CONCORDAT_TRY(const auto own, read_authority(options.at.files));
  std::vector<Bytes> out{own.encoded()};
  CONCORDAT_TRY(const auto others, read_authorities(options.authorities));
  for (const attest::AuthorityDescriptor& other : others) {
    if (other.digest() != own.digest()) out.push_back(other.encoded());
  }
  return out;
}

// What is there may be the only share of a key that others go on using: a run that stops half way
// leaves both, and only what all confirmed says which of them counts.
Status check_keeps_what_is_there(const SessionRunOptions& options) {
  if (options.keep.empty() || !std::filesystem::exists(options.keep)) return {};
  return base::Error(base::FileErrc::cannot_write,
                     options.keep + " is there already: name another file with --keep");
}

// Without the file this party would confirm a key of which it has no share. One that was written
// before the channel was cut is there.
Status store_kept(const SessionRunOptions& options, base::BytesView kept) {
  if (!options.keep.empty() && std::filesystem::exists(options.keep)) {
    const auto there = base::read_file(options.keep, session::host::kKeptBytes);
    if (there && std::ranges::equal(*there, kept)) return {};
  }
  CONCORDAT_CHECK(check_keeps_what_is_there(options));
  if (!options.keep.empty()) return base::write_file(options.keep, kept, kSealedFileMode);
  return base::Error(base::FileErrc::cannot_write,
                     "this run says to keep something: name a file with --keep, and run again");
}

void say_stage(const Invocation& invocation, const session::host::StageReached& stage) {
  invocation.err << invocation.program << ": session run: " << stage.stage
                 << (stage.detail.empty() ? "" : ": ") << stage.detail << "\n";
  invocation.err.flush();
}

// What came of it into the files that were named.
Status write_outcome(const SessionRunOptions& options, const SessionOutcome& outcome) {
  if (!options.result.empty() && outcome.end.code.empty()) {
    CONCORDAT_CHECK(base::write_file(options.result, outcome.result));
  }
  if (!options.receipt.empty() && !outcome.receipt.empty()) {
    CONCORDAT_CHECK(base::write_file(options.receipt, outcome.receipt));
  }
  if (options.evidence.empty()) return {};
  for (const auto& [party, evidence] : outcome.evidence) {
    CONCORDAT_CHECK(base::write_file(options.evidence + "." + std::to_string(party), evidence));
  }
  return {};
}

Result<FinishedRun> run_session(const SessionRunOptions& given, const Invocation& invocation) {
  SessionRunOptions options = given;
  if (!options.resume) CONCORDAT_CHECK(check_keeps_what_is_there(options));
  CONCORDAT_TRY(SessionFile file, read_session_file(options.session));
  const DescriptorFields& fields = file.descriptor.fields();
  CONCORDAT_TRY(const session::PartyIndex self, party_named(fields, options.self));
  if (options.at.enclave.empty()) options.at.enclave = fields.party(self)->enclave;

  SessionOrder order;
  order.envelope = file.envelope.encode();
  order.session = file.descriptor.digest();
  order.resume = options.resume;
  order.party = self;
  order.forming = std::chrono::seconds(options.wait);
  order.input = options.input;
  CONCORDAT_TRY(order.authorities, encoded_authorities(options));
  if (!options.kept.empty()) {
    CONCORDAT_TRY(order.kept, base::read_file(options.kept, session::host::kKeptBytes));
  }
  order.on_stage = [&invocation](const session::host::StageReached& stage) {
    say_stage(invocation, stage);
  };
  order.store_outcome = [&options](const SessionOutcome& outcome) {
    return write_outcome(options, outcome);
  };
  order.store_kept = [&options](base::BytesView kept) { return store_kept(options, kept); };
  CONCORDAT_TRY(const auto operators, Operator::open(options.at, invocation));
  CONCORDAT_TRY(SessionOutcome outcome, operators->run(order));
  return FinishedRun{std::move(file.descriptor), self, std::move(outcome)};
}

bool is_text(const Bytes& bytes) {
  return base::is_utf8(bytes) &&
         std::ranges::none_of(bytes, [](std::uint8_t c) { return c < 0x20 && c != '\n'; });
}

std::string shown(const Bytes& result) {
  return is_text(result) ? std::string(base::as_text(result)) : base::to_hex(result);
}

// As the custodian named it; destroying that key ends what is kept.
std::string sealing_key(base::BytesView kept) {
  const auto envelope = keyservice::decode_envelope(kept);
  return envelope ? envelope->key_name : "";
}

ordered_json to_json(const FinishedRun& run, const SessionRunOptions& options) {
  const DescriptorFields& fields = run.descriptor.fields();
  const SessionOutcome& outcome = run.outcome;
  ordered_json out = {{"session", fields.id},
                      {"digest", run.descriptor.digest().hex()},
                      {"protocol", fields.protocol},
                      {"party", fields.party(run.self)->name}};
  out["run"] = outcome.end.run ? ordered_json(outcome.end.run->hex()) : ordered_json();
  out["kept"] =
      outcome.kept.empty() || options.keep.empty() ? ordered_json() : ordered_json(options.keep);
  out["sealed_under"] =
      outcome.kept.empty() ? ordered_json() : ordered_json(sealing_key(outcome.kept));
  if (outcome.end.code.empty()) {
    out[is_text(outcome.result) ? "result" : "result_hex"] = shown(outcome.result);
    out["result_sha256"] = base::sha256({outcome.result}).hex();
    out["receipt"] = options.receipt.empty() ? ordered_json() : ordered_json(options.receipt);
    return out;
  }
  ordered_json named = ordered_json::array();
  for (const auto& [party, why] : outcome.end.named) {
    const session::PartyEntry* const entry = fields.party(party);
    named.push_back({{"party", party},
                     {"name", entry != nullptr ? entry->name : ""},
                     {"why", why},
                     {"proved", outcome.evidence.contains(party)}});
  }
  out["named"] = std::move(named);
  return out;
}

std::string to_text(const FinishedRun& run, const SessionRunOptions& options) {
  const SessionOutcome& outcome = run.outcome;
  std::string out = "session    " + run.descriptor.fields().id + "\nrun        " +
                    outcome.end.run->hex() + "\nresult     SHA-256 " +
                    base::sha256({outcome.result}).hex() + "\n";
  if (options.result.empty()) out += shown(outcome.result) + "\n";
  const auto told = [&](const char* what, const std::string& path, bool is_there) {
    if (!is_there) return;
    out += what + (path.empty() ? "not written: no option named a file" : path) + "\n";
  };
  told("receipt    ", options.receipt, !outcome.receipt.empty());
  told("kept       ", options.keep, !outcome.kept.empty());
  return out;
}

ExitStatus say_failure(const FinishedRun& run, const SessionRunOptions& options,
                       const Invocation& invocation) {
  const session::host::RunEnded& end = run.outcome.end;
  invocation.err << invocation.program << ": session run: " << end.detail << "\n";
  for (const auto& [party, why] : end.named) {
    invocation.err << "  " << run.descriptor.fields().name_of(party) << ": " << why
                   << (run.outcome.evidence.contains(party) ? " (proved)" : "") << "\n";
  }
  if (!run.outcome.kept.empty()) {
    invocation.err << "  what this run says to keep is in " << options.keep << ", sealed under "
                   << sealing_key(run.outcome.kept)
                   << ": do not delete it, others may have the result\n";
  }
  if (options.json) {
    ordered_json out = {{"ok", false}, {"code", end.code}, {"error", end.detail}};
    out.update(to_json(run, options));
    print_json(invocation, out);
  }
  return ExitStatus::refused;
}

ExitStatus run_session_run(const SessionRunOptions& options, const Invocation& invocation) {
  const auto run = run_session(options, invocation);
  if (!run) return answer_failure(invocation, options.json, "session run", run.error());
  if (!run->outcome.end.code.empty()) return say_failure(*run, options, invocation);
  return answer(invocation, options.json, to_json(*run, options), to_text(*run, options));
}

void add_files(Command run, SessionRunOptions& options) {
  const auto file = [&](const char* name, std::string& to, const char* text) {
    run.add_option(name, to, text).type_name("FILE");
  };
  file("--input", options.input, "What one's own party brings along; - reads standard input");
  file("--kept", options.kept, "What an earlier run said to keep (a share of a key), as sealed");
  file("--result", options.result, "The result goes there, not to standard output");
  file("--receipt", options.receipt, "The receipt goes there");
  file("--keep", options.keep,
       "What this run says to keep goes there, sealed by the custodian: a new file");
  file("--evidence", options.evidence, "Proof against party N goes to FILE.N (verify-evidence)");
}

}  // namespace

void add_session_run(Command session, Invocation& invocation) {
  auto options = std::make_shared<SessionRunOptions>();
  const Command run = session.add_subcommand(
      "run", "Have one's own enclave take part: hand it the input, wait, get result and receipt");
  run.add_option("FILE", options->session, "Signed session").capture_default_str();
  run.add_option("--as", options->self, "Which party one is: its name or index")
      .type_name("PARTY")
      .required();
  run.add_option("--party-authority", options->authorities,
                 "Authority descriptor of another party's realm; once for each")
      .type_name("FILE")
      .one_value_each();
  options->at.enclave.clear();
  add_operator_options(run, invocation, options->at);
  add_files(run, *options);
  run.add_option("--wait", options->wait, "How long to wait for the other parties to come")
      .type_name("SECONDS")
      .range(1U, 300U)
      .capture_default_str();
  run.add_flag("--resume", options->resume,
               "Back to one's run of this session, under way or ended, whose result is not here");
  run.add_flag("--json", options->json, "Print one JSON object; progress goes to standard error");
  run.footer(
      "The input goes to the enclave over a channel that is attested to this program, and from\n"
      "there nowhere before every party is attested and all have signed one roster. Without\n"
      "--enclave it is the one that the descriptor names. The operator's key must be in policy\n"
      "with purpose \"session-control\". Where there is no result, it is said who is missing and "
      "why,\n"
      "or who is to blame, and what is proved. When the channel is cut this program dials again. "
      "When\n"
      "this program ends before the run, a run that has formed goes on, and its end waits an hour "
      "for\n"
      "the same operator: --resume, with the same options, fetches it.\n"
      "Examples:\n"
      "  concordat session run --as bank-a --party-authority b.cbor --key dana.key \\\n"
      "      --parent unix:/run/concordat/operator.sock --input november.csv --receipt r.cbor\n"
      "  concordat session run keygen.signed.json --as 1 --party-authority b.cbor --key d.key \\\n"
      "      --parent unix:/run/concordat/operator.sock --keep share.sealed --result group --json\n"
      "  concordat session run payment.signed.json --as 1 --party-authority b.cbor --key d.key \\\n"
      "      --parent unix:/run/concordat/operator.sock --kept share.sealed --result signature\n"
      "  concordat session run --as bank-a --key dana.key --parent "
      "unix:/run/concordat/operator.sock \\\n"
      "      --result totals.json --receipt r.cbor --resume\n"
      "Exit status: 0 there is a result, 2 refused or ended without one, 1 not reached, usage or\n"
      "input/output error.");
  on_chosen(run, invocation,
            [options, &invocation] { return run_session_run(*options, invocation); });
}

}  // namespace concordat::cli
