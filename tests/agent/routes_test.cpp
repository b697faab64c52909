// The description has exactly the paths that the agent serves.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "keyservice/agent/call.hpp"
#include "keyservice/agent/description.hpp"
#include "policy/errc.hpp"

namespace concordat::keyservice::agent {
namespace {

TEST(Routes, AreThoseOfTheDescription) {
  std::set<std::string> served, described;
  for (const Route& route : routes()) {
    served.insert(std::string(route.method) + " " + std::string(route.path) +
                  (route.path.ends_with('/') ? "{name}" : ""));
  }
  const auto document = nlohmann::json::parse(description());
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      std::string upper = method;
      std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
      described.insert(upper + " " + path);
    }
  }
  EXPECT_EQ(served, described);
}

// What seals shares of keys for sessions opens them, too: whatever policy grants the role.
TEST(Routes, LeadNoApplicationToTheKeysOfSessionShares) {
  for (const Route& route : routes()) {
    if (!route.path.ends_with('/')) continue;
    const auto refused =
        parse_target(route.method, std::string(route.path) + "session-shares/analyst/5e");
    ASSERT_FALSE(refused) << route.path;
    EXPECT_TRUE(refused.error().is(policy::AdmissionErrc::not_granted));
    EXPECT_TRUE(parse_target(route.method, std::string(route.path) + "session-share/analyst"));
  }
  const auto wrap = parse_target("POST", "/v1/wrap/other/key");
  ASSERT_TRUE(wrap);
  const auto other =
      parse_body(*wrap, base::as_bytes(R"({"key": "session-shares/analyst/5e", "version": 1})"));
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(policy::AdmissionErrc::not_granted)) << other.error().to_string();
}

}  // namespace
}  // namespace concordat::keyservice::agent
