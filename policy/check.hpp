// What `concordat policy check` tells the author of a policy: every error of the format, and what
// is allowed but doubtful.
#pragma once

#include "policy/parse.hpp"

namespace concordat::policy {

// Errors of parse_policy, or else warnings; with `authority`, also that the file is for it. Ordered
// by place. The model is there when no finding is an error.
[[nodiscard]] ParsedPolicy check_policy(std::string_view text, base::UnixMillis now,
                                        const attest::AuthorityDescriptor* authority = nullptr);

}  // namespace concordat::policy
