// The key policy of the KMS key that seals a realm's root, as AWS KMS takes it: who may administer
// the key, and that it opens for the policy's custodians alone, attested by KMS itself.
//
// One Allow statement for each image of each custodian role: in one statement for several images
// the lists of two registers would admit their mixtures. The Deny statements say the same once
// more, the other way round, and more coarsely: AWS lets a Deny win over every Allow, of the key
// policy, of IAM and of grants, so what they refuse stays refused whatever is permitted elsewhere
// or added later. Sources: KMS Developer Guide, "Key policies", "Condition keys for AWS Nitro
// Enclaves" and "AWS KMS condition keys"; IAM User Guide, "Policy evaluation logic".
#pragma once

#include <string>
#include <vector>

#include "policy/model.hpp"

namespace concordat::policy {

enum class KmsKeyPolicyErrc {
  no_key = 1,
  no_custodian,
  no_administrator,
  bad_principal,
  administrator_is_custodian,
  caller_unknown,
  caller_unused,
  too_large,
};
[[nodiscard]] base::CodeInfo describe(KmsKeyPolicyErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KmsKeyPolicyErrc) {
  return "kms_key_policy";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KmsKeyPolicyErrc e) {
  return base::enum_code(e);
}

struct KmsPrincipals {
  // Role, user or account ARNs. They may change the key policy, so they are trusted with the root.
  // KMS wants whoever sets a key policy to be allowed to set the next one.
  std::vector<std::string> administrators;
  // Role or user ARNs: whose credentials sign the custodians' requests. For the custodian roles
  // that do not name all their accounts by role ARN; refused when there is none.
  std::vector<std::string> callers;
};

struct KmsKeyPolicy {
  std::string text;                   // JSON, one entry a line, at most what KMS takes
  std::vector<std::string> warnings;  // what the text cannot say, for people
};

[[nodiscard]] base::Result<KmsKeyPolicy> kms_key_policy(const Model& model,
                                                        const KmsPrincipals& principals);

}  // namespace concordat::policy
