#include "keyservice/request_grants.hpp"

#include <algorithm>

namespace concordat::keyservice {

base::Result<std::vector<policy::Grants>> needed_grants(const policy::Policy& policy,
                                                        std::string_view role,
                                                        const RequestBody& body,
                                                        base::UnixMillis now) {
  std::vector<policy::Grants> needs;
  const auto need = [&](std::string_view name, policy::Operation operation) -> base::Status {
    CONCORDAT_TRY(auto grants, policy::find_grants(policy, role, name, operation, now));
    needs.push_back(std::move(grants));
    return {};
  };
  const auto operation = operation_of(body);
  if (!operation) return needs;
  CONCORDAT_CHECK(need(key_name(body), *operation));
  const auto* wrap = std::get_if<WrapRequest>(&body);
  const auto* other = wrap == nullptr ? nullptr : std::get_if<KeyReference>(&wrap->what);
  if (other != nullptr) CONCORDAT_CHECK(need(other->name, policy::Operation::get));
  return needs;
}

bool counts_a_use(const policy::Policy& policy, std::string_view role, const RequestBody& body,
                  base::UnixMillis now) {
  const auto needs = needed_grants(policy, role, body, now);
  // Those without a limit come first, and nothing is counted where one of them is.
  return needs && std::ranges::any_of(*needs, [](const policy::Grants& grants) {
           return grants.front()->use_limit.has_value();
         });
}

}  // namespace concordat::keyservice
