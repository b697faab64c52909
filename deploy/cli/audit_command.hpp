// What the `audit` commands share: an exported log in a folder, and what it must be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attest/roots.hpp"
#include "deploy/cli/commands.hpp"
#include "keyservice/audit/folder.hpp"
#include "keyservice/audit/verify.hpp"

namespace concordat::cli {

// What a log must be.
struct AuditExpected {
  std::vector<std::string> authorities;
  std::string origin;
  std::vector<std::string> witnesses;
  std::vector<std::string> seen;
  std::string lab_root;
};
struct AuditOptions : AuditExpected {
  std::string folder;
  bool json = false;
};
// --authority, --origin, --witness and, in the lab, --lab-root.
void add_audit_expectations(Command command, const Invocation& invocation, AuditExpected& options);
// The same with FOLDER and --seen.
void add_audit_options(Command command, const Invocation& invocation, AuditOptions& options);

// What was asked of a log, understood.
struct AuditWanted {
  attest::TrustAnchors anchors;
  keyservice::audit::Expectations expectations;

  // Fails where an option cannot be understood.
  [[nodiscard]] static base::Result<std::unique_ptr<AuditWanted>> read(
      const AuditExpected& options);
  AuditWanted(const AuditWanted&) = delete;
  AuditWanted& operator=(const AuditWanted&) = delete;

 private:
  explicit AuditWanted(const attest::TrustAnchors& trusted);
};

// The same and an opened folder.
struct AuditInput {
  keyservice::audit::Folder folder;
  std::unique_ptr<AuditWanted> wanted;

  // Fails where there is no folder, too.
  [[nodiscard]] static base::Result<AuditInput> open(const AuditOptions& options);
};

// Says on standard error how far a check of a large log is.
[[nodiscard]] std::function<void(std::uint64_t, std::uint64_t)> audit_progress(
    const Invocation& invocation);

// One function a command.
void add_audit_verify(Command audit, Invocation& invocation);
void add_audit_show(Command audit, Invocation& invocation);
void add_audit_prove(Command audit, Invocation& invocation);
void add_audit_follow(Command audit, Invocation& invocation);
void add_audit_export(Command audit, Invocation& invocation);

}  // namespace concordat::cli
