// Giving keys to roles, and taking them away.
#include "policy/edit_grants.hpp"

#include <gtest/gtest.h>

#include "policy/parse.hpp"
#include "tests/policy/samples.hpp"

namespace concordat::policy {
namespace {

using test::replaced;

// "ROLE KEYS OPERATION,... LIMIT EXPIRY", one grant a line.
std::string grants(const base::Result<std::string>& text) {
  if (!text) return text.error().to_string();
  const Model model = load_policy(*text).value();
  std::string out;
  for (const Grant& grant : model.grants) {
    out += grant.role + " " + grant.keys + " ";
    for (const Operation operation : grant.operations)
      out += std::string(to_string(operation)) + ",";
    out += grant.use_limit ? " " + std::to_string(*grant.use_limit) : "";
    out += grant.expires ? " " + base::format_rfc3339(*grant.expires) : "";
    out += "\n";
  }
  return out;
}

const base::UnixMillis kLater = base::parse_rfc3339("2026-01-20T00:00:00Z").value();
constexpr const char* kReports = "reports reports/daily get,\n";

TEST(Grant, JoinsWhatDiffersInOperationsOnly) {
  const std::string both = std::string("payments payments/* get,sign,") + "\n" + kReports;
  EXPECT_EQ(grants(sample()), both);
  EXPECT_EQ(grants(grant(sample(), "payments", {"payments/*", {"sign", "mac"}})),
            std::string("payments payments/* get,sign,mac,\n") + kReports);
  EXPECT_EQ(grants(grant(sample(), "payments", {"keys/eu/*", {"sign"}})),
            both + "payments keys/eu/* sign,\n");
  EXPECT_EQ(grants(grant(sample(), "reports", {"payments/*", {"get"}})),
            both + "reports payments/* get,\n");
  EXPECT_EQ(grants(grant(sample(), "payments", {"payments/*", {"mac"}, 5, {}})),
            both + "payments payments/* mac, 5\n");
  EXPECT_EQ(grants(grant(sample(), "payments", {"payments/*", {"mac"}, {}, kLater})),
            both + "payments payments/* mac, 2026-01-20T00:00:00Z\n");
  // A counted grant is never added to: more operations would share its uses.
  const std::string counted = grant(sample(), "payments", {"payments/*", {"mac"}, 5, {}}).value();
  EXPECT_EQ(grants(grant(counted, "payments", {"payments/*", {"derive"}, 5, {}})),
            both + "payments payments/* mac, 5\npayments payments/* derive, 5\n");
}

TEST(Grant, RefusesWhatIsThereAndWhatCannotBe) {
  const auto refused = [](const std::string& role, const NewGrant& what, auto code) {
    return grant(sample(), role, what).error().is(code);
  };
  EXPECT_TRUE(refused("payments", {"payments/*", {"get"}}, EditErrc::already_granted));
  EXPECT_TRUE(refused("ledger", {"payments/*", {"get"}}, PolicyErrc::dangling_name));
  EXPECT_TRUE(refused("payments", {"payments/*", {"steal"}}, PolicyErrc::bad_value));
  EXPECT_TRUE(refused("payments", {"pay*", {"get"}}, PolicyErrc::bad_value));
  EXPECT_TRUE(refused("payments", {"x", {"get"}, 0, {}}, PolicyErrc::bad_value));
}

TEST(Ungrant, TakesOperationsOrTheWholeGrant) {
  EXPECT_EQ(grants(ungrant(sample(), "payments", "payments/*", {"get"})),
            std::string("payments payments/* sign,\n") + kReports);
  EXPECT_EQ(grants(ungrant(sample(), "payments", "payments/*", {"sign", "get"})), kReports);
  EXPECT_EQ(grants(ungrant(sample(), "payments", "payments/*", {})), kReports);
  // Out of every grant of the pattern, whatever its limits.
  const std::string more = grant(sample(), "payments", {"payments/*", {"get"}, 5, {}}).value();
  EXPECT_EQ(grants(ungrant(more, "payments", "payments/*", {"get"})),
            std::string("payments payments/* sign,\n") + kReports);
}

TEST(Ungrant, RefusesWhereNothingMatches) {
  const auto refused = [](const char* role, const char* keys, std::vector<std::string> operations) {
    return ungrant(sample(), role, keys, operations).error().is(EditErrc::nothing_matches);
  };
  EXPECT_TRUE(refused("payments", "payments/card", {}));
  EXPECT_TRUE(refused("payments", "*", {}));
  EXPECT_TRUE(refused("reports", "payments/*", {}));
  EXPECT_TRUE(refused("payments", "payments/*", {"mac"}));
  EXPECT_TRUE(refused("payments", "payments/*", {"get", "mac"}));
}

}  // namespace
}  // namespace concordat::policy
