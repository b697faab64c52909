#include "policy/grants.hpp"

#include <algorithm>

#include "policy/errc.hpp"
#include "policy/finding.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::policy {

base::Result<Grant> find_grant(const Policy& policy, std::string_view role,
                               std::string_view key_name, Operation operation) {
  CONCORDAT_CHECK(check_key_name(key_name));
  for (const Grant& grant : policy.model().grants) {
    const bool covers = std::ranges::find(grant.operations, operation) != grant.operations.end();
    if (covers && grant.role == role && matches(grant.keys, key_name)) return grant;
  }
  return base::Error(AdmissionErrc::not_granted, "role " + quote(role) + " has no grant to " +
                                                     std::string(to_string(operation)) + " " +
                                                     quote(key_name));
}

}  // namespace concordat::policy
