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

struct AuditOptions {
  std::string folder;
  std::vector<std::string> authorities;
  std::string origin;
  std::vector<std::string> witnesses;
  std::vector<std::string> seen;
  std::string lab_root;
  bool json = false;
};
// FOLDER, --authority, --origin, --witness, --seen and, in the lab, --lab-root.
void add_audit_options(Command command, const Invocation& invocation, AuditOptions& options);

// An opened folder and what was asked of it, understood.
struct AuditInput {
  keyservice::audit::Folder folder;
  attest::TrustAnchors anchors;
  keyservice::audit::Expectations expectations;

  // Fails where there is no folder, and where an option cannot be understood.
  [[nodiscard]] static base::Result<std::unique_ptr<AuditInput>> open(const AuditOptions& options);
  AuditInput(const AuditInput&) = delete;
  AuditInput& operator=(const AuditInput&) = delete;

 private:
  AuditInput(const std::string& path, const attest::TrustAnchors& trusted);
};

// Says on standard error how far a check of a large log is.
[[nodiscard]] std::function<void(std::uint64_t, std::uint64_t)> audit_progress(
    const Invocation& invocation);

// One function a command.
void add_audit_verify(Command audit, Invocation& invocation);
void add_audit_show(Command audit, Invocation& invocation);
void add_audit_prove(Command audit, Invocation& invocation);

}  // namespace concordat::cli
