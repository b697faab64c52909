// The encryption context of a sealed root: what the custodian sends to KMS with every call, and
// what the key policy demands. KMS binds it into the ciphertext, CloudTrail shows it in clear.
#pragma once

#include <string_view>

namespace concordat::policy {

inline constexpr std::string_view kRealmContextKey = "concordat:realm";
inline constexpr std::string_view kGenerationContextKey = "concordat:root-generation";  // decimal

}  // namespace concordat::policy
