// The files that the `policy` commands work on.
#pragma once

#include <string>

#include "attest/claims.hpp"
#include "attest/roots.hpp"
#include "deploy/cli/authority_files.hpp"
#include "policy/check.hpp"
#include "policy/policy_file.hpp"

namespace concordat::cli {

struct PolicyFiles {
  std::string policy = "policy.json";
  std::string authority = kAuthorityFile;
};
// --policy and --authority.
void add_policy_files(Command command, PolicyFiles& files);
void add_policy_file(Command command, std::string& path);

[[nodiscard]] base::Result<std::string> read_policy_text(const PolicyFiles& files);
[[nodiscard]] base::Result<attest::AuthorityDescriptor> read_authority(const PolicyFiles& files);
[[nodiscard]] base::Status write_policy_text(const PolicyFiles& files, const std::string& text);

// A policy without errors, for its authority.
struct OpenPolicy {
  std::string text;
  policy::Model model;
  policy::Findings warnings;
  attest::AuthorityDescriptor authority;
};
// The first error of check_policy otherwise.
[[nodiscard]] base::Result<OpenPolicy> open_policy(const PolicyFiles& files);
[[nodiscard]] base::Result<OpenPolicy> check_text(std::string text,
                                                  attest::AuthorityDescriptor authority);

// A policy file or a signed one, nothing of it verified; errors name the file. "-" is standard
// input.
[[nodiscard]] base::Result<policy::PolicyFile> read_any_policy(const std::string& path);

// --lab-root, on the lab's twin only.
void add_lab_root(Command command, const Invocation& invocation, std::string& path);
// The lab's root in this file, or AWS's where `lab_root` is empty.
[[nodiscard]] base::Result<attest::TrustAnchors> trust_anchors(const std::string& lab_root);
// An archived document, verified at its own time under AWS's roots, or under the lab's where given.
// Debug mode is left to policy, which refuses it by name.
[[nodiscard]] base::Result<attest::VerifiedClaims> read_claims(const std::string& document,
                                                               const std::string& lab_root);

// One function a command.
void add_policy_init(Command policy, Invocation& invocation);
void add_policy_enroll(Command policy, Invocation& invocation);
void add_policy_revoke(Command policy, Invocation& invocation);
void add_policy_grant(Command policy, Invocation& invocation);
void add_policy_ungrant(Command policy, Invocation& invocation);
void add_policy_add_operator(Command policy, Invocation& invocation);
void add_policy_set(Command policy, Invocation& invocation);
void add_policy_renew(Command policy, Invocation& invocation);
void add_policy_pin_root(Command policy, Invocation& invocation);
void add_policy_fmt(Command policy, Invocation& invocation);
void add_policy_check(Command policy, Invocation& invocation);
void add_policy_diff(Command policy, Invocation& invocation);
void add_policy_impact(Command policy, Invocation& invocation);
void add_policy_describe(Command policy, Invocation& invocation);
void add_policy_sign(Command policy, Invocation& invocation);
void add_policy_push(Command policy, Invocation& invocation);
void add_policy_freshness(Command policy, Invocation& invocation);
void add_policy_verify(Command policy, Invocation& invocation);
void add_policy_explain(Command policy, Invocation& invocation);
void add_policy_kms_key_policy(Command policy, Invocation& invocation);

}  // namespace concordat::cli
