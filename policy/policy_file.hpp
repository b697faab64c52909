// What a file says that may be a policy or a signed one, whoever signed it: for people who look and
// compare. Nothing in it is verified; enclaves take SignedPolicy (signed_policy.hpp).
#pragma once

#include "policy/model.hpp"

namespace concordat::policy {

struct PolicyFile {
  Model model;
  PolicyDigest digest;  // of the policy's own bytes
  bool is_envelope = false;
};

// A policy file, or a DSSE envelope of policies' type.
[[nodiscard]] base::Result<PolicyFile> read_policy_file(std::string_view content);

}  // namespace concordat::policy
