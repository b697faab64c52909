// Changes to policy files, text to text: the author's order is kept, the layout is canonical, the
// serial goes up by one, and nothing comes out that parse_policy would refuse.
#pragma once

#include <string>

#include "policy/evaluate.hpp"
#include "policy/measurements.hpp"

namespace concordat::policy {

enum class EditErrc { name_taken = 1, root_pinned, serial_exhausted, other_authority };
[[nodiscard]] base::CodeInfo describe(EditErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(EditErrc) {
  return "policy_edit";
}
[[nodiscard]] inline boost::system::error_code make_error_code(EditErrc e) {
  return base::enum_code(e);
}

// Two spaces a level, one entry a line, a line feed at the end. `text` must parse as a policy.
[[nodiscard]] base::Result<std::string> canonical_policy(std::string_view text);

// Serial 1, nobody admitted yet.
[[nodiscard]] base::Result<std::string> new_policy(const attest::AuthorityDescriptor& authority,
                                                   const std::optional<std::string>& kms_key_arn,
                                                   base::UnixMillis not_before,
                                                   std::chrono::milliseconds validity);

struct NewGrant {
  std::string keys;                     // pattern
  std::vector<std::string> operations;  // "get", "sign"
};

struct PurposeSide {
  std::string purpose;
  Side side = Side::initiator;
};

struct Enrolment {
  std::string image;
  Measurements measurements;
  std::string role;  // made when there is none
  // Added to what the role pins; a new role that pins none says "any".
  std::vector<std::string> accounts;
  std::vector<std::string> instances;
  // Added. A new role with none answers "keys" when it is called "custodian", and asks for it
  // otherwise.
  std::vector<PurposeSide> purposes;
  std::vector<NewGrant> grants;
};
// name_taken when the image name stands for other measurements: an image is never overwritten.
[[nodiscard]] base::Result<std::string> enroll(std::string_view text, const Enrolment& enrolment);

// Pins the first generation. root_pinned when there is one already.
[[nodiscard]] base::Result<std::string> pin_first_root(std::string_view text,
                                                       base::BytesView commitment);

// The policy of `authority` under its successor; as it is when it names the successor already.
// other_authority when it names neither.
[[nodiscard]] base::Result<std::string> name_authority(
    std::string_view text, const attest::AuthorityDescriptor& authority,
    const attest::AuthorityDescriptor& successor);

}  // namespace concordat::policy
