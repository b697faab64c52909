// concordat audit
#include "deploy/cli/audit_command.hpp"

#include <ostream>

#include "attest/base/clock.hpp"
#include "attest/base/file.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/policy_files.hpp"

namespace concordat::cli {
namespace {

namespace audit = keyservice::audit;
using base::Error;
using base::Result;

Error at(const std::string& option, const Error& error) {
  return Error(error.code(), option + ": " + error.detail());
}

Result<audit::Checkpoint> read_checkpoint(const std::string& path) {
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, audit::kMaxNote));
  CONCORDAT_TRY(auto head, audit::SignedCheckpoint::parse(content));
  return std::move(head.checkpoint);
}

}  // namespace

void add_audit_expectations(Command command, const Invocation& invocation, AuditExpected& options) {
  command
      .add_option("--authority", options.authorities,
                  "Require that the log is under this authority; again for each that it had")
      .type_name("FILE")
      .one_value_each();
  command.add_option("--origin", options.origin, "Require the log of this name").type_name("NAME");
  command
      .add_option("--witness", options.witnesses,
                  "Require that the witness with this verifier key signed the checkpoint")
      .type_name("VKEY")
      .one_value_each();
  add_lab_root(command, invocation, options.lab_root);
}

void add_audit_options(Command command, const Invocation& invocation, AuditOptions& options) {
  command.add_option("folder", options.folder, "Exported log").type_name("FOLDER").required();
  add_audit_expectations(command, invocation, options);
  command
      .add_option("--seen", options.seen,
                  "Require that the log goes on from this checkpoint, which was kept apart")
      .type_name("FILE")
      .one_value_each();
}

AuditWanted::AuditWanted(const attest::TrustAnchors& trusted)
    : anchors(trusted), expectations{anchors} {}

Result<std::unique_ptr<AuditWanted>> AuditWanted::read(const AuditExpected& options) {
  CONCORDAT_TRY(const auto trusted, trust_anchors(options.lab_root));
  auto out = std::unique_ptr<AuditWanted>(new AuditWanted(trusted));
  audit::Expectations& wanted = out->expectations;
  if (!options.origin.empty()) wanted.origin = options.origin;
  for (const std::string& path : options.authorities) {
    CONCORDAT_TRY(auto authority, read_authority_file(path));
    wanted.authorities.push_back(std::move(authority));
  }
  for (const std::string& text : options.witnesses) {
    auto witness = audit::NoteVerifier::parse(text);
    if (!witness) return at("--witness", witness.error());
    wanted.witnesses.push_back(*std::move(witness));
  }
  for (const std::string& path : options.seen) {
    auto seen = read_checkpoint(path);
    if (!seen) return at("--seen " + path, seen.error());
    wanted.seen.push_back(*std::move(seen));
  }
  return out;
}

Result<AuditInput> AuditInput::open(const AuditOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_directory(options.folder, error)) {
    return Error(base::FileErrc::cannot_read, options.folder + ": no folder");
  }
  CONCORDAT_TRY(auto wanted, AuditWanted::read(options));
  return AuditInput{audit::Folder(options.folder), std::move(wanted)};
}

std::function<void(std::uint64_t, std::uint64_t)> audit_progress(const Invocation& invocation) {
  constexpr std::int64_t kEveryMillis = 2000;
  return [&invocation, last = base::system_monotonic_clock()](std::uint64_t done,
                                                              std::uint64_t of) mutable {
    const auto now = base::system_monotonic_clock();
    if ((now - last).count() < kEveryMillis) return;
    last = now;
    invocation.err << invocation.program << ": " << done << " of " << of << " entries\n";
  };
}

void add_audit_commands(Command app, Invocation& invocation) {
  const Command audit =
      app.add_subcommand("audit", "Fetch an audit log; check, read and prove from it, offline");
  audit.require_known_subcommand();
  add_audit_verify(audit, invocation);
  add_audit_show(audit, invocation);
  add_audit_prove(audit, invocation);
  add_audit_follow(audit, invocation);
  add_audit_export(audit, invocation);
}

}  // namespace concordat::cli
