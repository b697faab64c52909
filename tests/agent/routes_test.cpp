// The description has exactly the paths that the agent serves.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "keyservice/agent/call.hpp"
#include "keyservice/agent/description.hpp"

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

}  // namespace
}  // namespace concordat::keyservice::agent
