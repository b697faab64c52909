#include "policy/grants.hpp"

#include <algorithm>

#include "policy/errc.hpp"
#include "policy/finding.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::policy {
namespace {

base::Result<Grants> find(const Model& model, std::string_view role, std::string_view key_name,
                          Operation operation, base::UnixMillis now) {
  CONCORDAT_CHECK(check_key_name(key_name));
  AdmissionErrc why = AdmissionErrc::not_granted;
  Grants found;
  for (const Grant& grant : model.grants) {
    const bool covers = std::ranges::find(grant.operations, operation) != grant.operations.end();
    if (!covers || grant.role != role || !matches(grant.keys, key_name)) continue;
    if (grant.expires && now >= *grant.expires) {
      why = AdmissionErrc::grant_expired;
    } else {
      found.push_back(&grant);
    }
  }
  if (!found.empty()) {
    std::ranges::stable_partition(found, [](const Grant* grant) { return !grant->use_limit; });
    return found;
  }
  const std::string what = " grant to " + std::string(to_string(operation)) + " " + quote(key_name);
  if (why == AdmissionErrc::not_granted) {
    return base::Error(why, "role " + quote(role) + " has no" + what);
  }
  return base::Error(why, "role " + quote(role) + "'s" + what);
}

}  // namespace

base::Result<Grants> find_grants(const Policy& policy, std::string_view role,
                                 std::string_view key_name, Operation operation,
                                 base::UnixMillis now) {
  return find(policy.model(), role, key_name, operation, now);
}

base::Result<Grant> explain_grant(const Model& model, std::string_view role,
                                  std::string_view key_name, Operation operation,
                                  base::UnixMillis now) {
  CONCORDAT_TRY(const Grants grants, find(model, role, key_name, operation, now));
  return *grants.front();
}

}  // namespace concordat::policy
