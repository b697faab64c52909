// The one KMS key that a policy names: the key's own ARN, and the one rule for it. What a policy
// may say here, a custodian can dial.
#pragma once

#include <string>
#include <string_view>

#include "attest/base/result.hpp"

namespace concordat::policy {

// The rule as one regular expression (ECMA-262, without flags), for the policy's JSON Schema.
// Partitions aws and aws-us-gov, those whose attestation roots are pinned, each with its own
// regions; a key's id is a UUID, or mrk- and 32 hexadecimal digits.
inline constexpr const char* kKmsKeyArnPattern =
    "^arn:(aws:kms:([abd-z][a-z]|c[a-mo-z])-[a-z]{1,16}|aws-us-gov:kms:us-gov-[a-z]{1,16})"
    "-[0-9]{1,2}:[0-9]{12}:key/"
    "(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$";

enum class KmsKeyArnErrc { bad_key_arn = 1 };
[[nodiscard]] base::CodeInfo describe(KmsKeyArnErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KmsKeyArnErrc) {
  return "kms_key_arn";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KmsKeyArnErrc e) {
  return base::enum_code(e);
}

// arn:PARTITION:kms:REGION:ACCOUNT:key/ID, never an alias's: what an alias means can be changed by
// whoever administers it.
class KmsKeyArn {
 public:
  // Fails with bad_key_arn, naming the part that is wrong.
  [[nodiscard]] static base::Result<KmsKeyArn> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::string& partition() const noexcept { return partition_; }
  // Fit to stand in a host name.
  [[nodiscard]] const std::string& region() const noexcept { return region_; }
  [[nodiscard]] const std::string& account() const noexcept { return account_; }
  [[nodiscard]] const std::string& key_id() const noexcept { return key_id_; }

  friend bool operator==(const KmsKeyArn&, const KmsKeyArn&) = default;

 private:
  KmsKeyArn() = default;
  std::string text_, partition_, region_, account_, key_id_;
};

}  // namespace concordat::policy
