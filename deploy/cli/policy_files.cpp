#include "deploy/cli/policy_files.hpp"

#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "attest/verify.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/document_file.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {

void add_policy_file(Command command, std::string& path) {
  command.add_option("--policy", path, "Policy file").type_name("FILE").capture_default_str();
}

void add_policy_files(Command command, PolicyFiles& files) {
  add_policy_file(command, files.policy);
  add_authority_file(command, files.authority);
}

base::Result<std::string> read_policy_text(const PolicyFiles& files) {
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file_start(files.policy, policy::limits::kPolicyBytes + 1));
  return std::string(base::as_text(content));
}

base::Result<attest::AuthorityDescriptor> read_authority(const PolicyFiles& files) {
  return read_authority_file(files.authority);
}

base::Status write_policy_text(const PolicyFiles& files, const std::string& text) {
  return base::write_file(files.policy, base::as_bytes(text));
}

base::Result<OpenPolicy> open_policy(const PolicyFiles& files) {
  CONCORDAT_TRY(std::string text, read_policy_text(files));
  CONCORDAT_TRY(attest::AuthorityDescriptor authority, read_authority(files));
  return check_text(std::move(text), std::move(authority));
}

base::Result<OpenPolicy> check_text(std::string text, attest::AuthorityDescriptor authority) {
  policy::ParsedPolicy checked = policy::check_policy(text, base::system_wall_clock(), &authority);
  for (const policy::Finding& finding : checked.findings) {
    if (finding.severity == policy::Severity::error) return finding.to_error();
  }
  return OpenPolicy{std::move(text), *std::move(checked.model), std::move(checked.findings),
                    std::move(authority)};
}

base::Result<policy::PolicyFile> read_any_policy(const std::string& path) {
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, policy::limits::kEnvelopeBytes));
  auto file = policy::read_policy_file(base::as_text(content));
  if (file) return file;
  return base::Error(file.error().code(), path + ": " + file.error().detail());
}

void add_lab_root(Command command, const Invocation& invocation, std::string& path) {
  if (!invocation.is_lab) return;
  command
      .add_option("--lab-root", path, "Trust this root certificate (PEM or DER) instead of AWS's")
      .type_name("FILE");
}

base::Result<attest::TrustAnchors> trust_anchors(const std::string& lab_root) {
  constexpr std::size_t kMaxRootFile = 64 * 1024;
  if (lab_root.empty()) return attest::TrustAnchors::aws();
  CONCORDAT_TRY(const base::Bytes root, base::read_file(lab_root, kMaxRootFile));
  return attest::trust_anchors_from_root(root);
}

base::Result<attest::VerifiedClaims> read_claims(const std::string& document,
                                                 const std::string& lab_root) {
  CONCORDAT_TRY(const attest::TrustAnchors anchors, trust_anchors(lab_root));
  CONCORDAT_TRY(const base::Bytes bytes, read_document_file(document));
  CONCORDAT_TRY(const auto unverified, attest::UnverifiedDocument::parse(bytes));
  return attest::verify_archived(unverified, anchors, unverified.unverified().timestamp,
                                 attest::DebugDocuments::allow);
}

}  // namespace concordat::cli
