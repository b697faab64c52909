// AWS KMS key policies, as far as keys for attested enclaves need them: the JSON of IAM policies
// with Effect, Principal, Action, Resource and Condition. Rules: AWS IAM User Guide, "Policy
// evaluation logic" and "Condition operators"; KMS Developer Guide, "Condition keys for AWS Nitro
// Enclaves". An explicit Deny wins; what no statement allows is denied.
//
// Whatever this does not know (NotPrincipal, NotAction, NotResource, policy variables, numeric or
// date operators) is refused when the policy is set, never passed over when it is evaluated.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "attest/base/result.hpp"

namespace concordat::lab {

enum class KeyPolicyErrc { malformed = 1, unsupported, not_allowed, explicitly_denied };
[[nodiscard]] base::CodeInfo describe(KeyPolicyErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KeyPolicyErrc) {
  return "key_policy";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KeyPolicyErrc e) {
  return base::enum_code(e);
}

// Condition keys of one request: lower-case name ("kms:recipientattestation:pcr0"), values. A key
// that is not in the request is not in the map.
using ConditionKeys = std::map<std::string, std::vector<std::string>>;
// IAM compares the names of condition keys without regard to case.
[[nodiscard]] std::string condition_key_name(std::string_view name);

struct PolicyQuestion {
  std::string principal;  // ARN of the caller
  std::string account;    // its account, 12 digits
  std::string action;     // "kms:Decrypt"
  std::string resource;   // the key's ARN
  ConditionKeys keys;
};

class KeyPolicy {
 public:
  // At most 32 KiB, as in KMS. The detail names the place.
  [[nodiscard]] static base::Result<KeyPolicy> parse(std::string_view json);

  // The policy that KMS gives a key made without one: its account may do everything.
  [[nodiscard]] static std::string default_text(std::string_view account);

  // Success: allowed. The detail of a refusal names the statement and, where a condition was not
  // met, the condition key with what was wanted and what was found.
  [[nodiscard]] base::Status authorize(const PolicyQuestion& question) const;

  enum class Operator { string_equals, string_equals_ignore_case, string_like, null };
  enum class Quantifier { none, for_all_values, for_any_value };
  struct Condition {
    std::string text;  // as written, "StringEquals kms:RecipientAttestation:PCR0"
    Operator op = Operator::string_equals;
    bool negated = false;
    bool if_exists = false;
    Quantifier quantifier = Quantifier::none;
    std::string key;  // lower case
    std::vector<std::string> values;
  };
  struct Statement {
    std::string name;  // Sid, or its number
    bool allow = false;
    std::vector<std::string> principals;  // AWS principals: "*", account, ARN
    std::vector<std::string> actions;     // patterns
    std::vector<std::string> resources;   // patterns
    std::vector<Condition> conditions;
  };

 private:
  explicit KeyPolicy(std::vector<Statement> statements) : statements_(std::move(statements)) {}
  std::vector<Statement> statements_;
};

// `*` any run of characters, `?` any one.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text) noexcept;

}  // namespace concordat::lab
