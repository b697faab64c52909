// concordat recovery
#include "deploy/cli/recovery_command.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/cbor.hpp"
#include "attest/base/file.hpp"
#include "attest/verify.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/document_file.hpp"
#include "keyservice/error.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using keyservice::recovery::RecoverySet;
using keyservice::recovery::TargetEvidence;

void add_signed_files(Command command, PolicyFiles& files) {
  command.add_option("--policy", files.policy, "Signed policy (DSSE envelope)")
      .type_name("FILE")
      .capture_default_str();
  add_authority_file(command, files.authority);
}

Result<SignedFiles> read_signed_files(const PolicyFiles& files) {
  CONCORDAT_TRY(attest::AuthorityDescriptor authority, read_authority(files));
  CONCORDAT_TRY(const Bytes envelope,
                base::read_file(files.policy, policy::limits::kEnvelopeBytes));
  CONCORDAT_TRY(policy::PolicyPtr policy,
                policy::SignedPolicy::verify(envelope, authority, base::system_wall_clock()));
  return SignedFiles{std::move(authority), std::move(policy)};
}

void add_order_file(Command command, std::string& path) {
  command.add_option("--order", path, "The signers' order (DSSE envelope)")
      .type_name("FILE")
      .capture_default_str();
}

void add_set_file(Command command, std::string& path) {
  command.add_option("--set", path, "The set of shares, as `make` wrote it")
      .type_name("FILE")
      .capture_default_str();
}

void add_target_file(Command command, std::string& path) {
  command.add_option("--target", path, "The restoring custodian's document, as `attest` wrote it")
      .type_name("FILE")
      .capture_default_str();
}

Result<Bytes> read_order_bytes(const std::string& path) {
  return base::read_file(path, policy::limits::kOrderEnvelopeBytes);
}

Result<AnyOrder> read_order(const std::string& path) {
  CONCORDAT_TRY(const Bytes content, read_order_bytes(path));
  AnyOrder out;
  CONCORDAT_TRY(out.envelope, policy::Envelope::parse(content));
  const std::string_view payload = base::as_text(out.envelope.payload);
  if (out.envelope.payload_type == policy::kRecoveryMakePayloadType) {
    CONCORDAT_TRY(out.order, policy::parse_order<policy::MakeOrder>(payload));
    return out;
  }
  if (out.envelope.payload_type == policy::kRecoveryRestorePayloadType) {
    CONCORDAT_TRY(out.order, policy::parse_order<policy::RestoreOrder>(payload));
    return out;
  }
  return Error(policy::SignatureErrc::wrong_payload_type,
               path + ": '" + out.envelope.payload_type + "' is no recovery order");
}

Result<RecoverySet> read_set(const std::string& path) {
  CONCORDAT_TRY(const Bytes content, base::read_file(path, keyservice::recovery::kMaxPackage));
  CONCORDAT_TRY(const auto package, keyservice::recovery::parse_package(content));
  return RecoverySet::parse(package.set);
}

Result<attest::VerifiedClaims> verify_document(BytesView document, const std::string& lab_root) {
  CONCORDAT_TRY(const attest::TrustAnchors anchors, trust_anchors(lab_root));
  CONCORDAT_TRY(const auto unverified, attest::UnverifiedDocument::parse(document));
  return attest::verify_archived(unverified, anchors, unverified.unverified().timestamp,
                                 attest::DebugDocuments::refuse);
}

Result<TargetEvidence> read_target(const std::string& path, const policy::Policy& policy,
                                   const std::string& lab_root) {
  CONCORDAT_TRY(const Bytes document, read_document_file(path));
  CONCORDAT_TRY(const auto claims, verify_document(document, lab_root));
  return keyservice::recovery::verify_target_document(claims, policy.model(), policy.digest(),
                                                      base::system_wall_clock());
}

Result<Bytes> bytes_of(const keyservice::AdminReply& reply) {
  base::cbor::Reader reader(reply.items);
  const auto bytes = reader.read_bytes(keyservice::recovery::kMaxPackage);
  if (!bytes || !reader.finish()) return Error(keyservice::Errc::malformed_response);
  return base::to_bytes(*bytes);
}

void add_recovery_commands(Command app, Invocation& invocation) {
  const Command recovery =
      app.add_subcommand("recovery", "Share a root among holders, and restore it when KMS is lost");
  recovery.require_subcommand();
  add_recovery_key(recovery, invocation);
  add_recovery_order(recovery, invocation);
  add_recovery_sign(recovery, invocation);
  add_recovery_make(recovery, invocation);
  add_recovery_attest(recovery, invocation);
  add_recovery_contribute(recovery, invocation);
  add_recovery_restore(recovery, invocation);
  add_recovery_status(recovery, invocation);
  recovery.footer(
      "Making:     key (each holder); policy set --recovery-holder; order make, sign (signers);\n"
      "            make (an operator, at a custodian that has the root)\n"
      "Restoring:  attest (an operator, at a custodian without one); order restore, sign "
      "(signers);\n"
      "            contribute (each holder, offline); restore (an operator)\n"
      "Other holders, or another threshold: order make --replaces, sign, reshare.\n"
      "deploy/RUNBOOK.md has each step.\n"
      "Example:\n"
      "  concordat recovery status --parent unix:/run/concordat/operator.sock --key dana.key\n" +
      std::string(kRecoveryExit));
}

}  // namespace concordat::cli
