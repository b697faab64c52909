// What a role may do with a key: nothing but what a grant says.
#include "policy/grants.hpp"

#include <gtest/gtest.h>

#include "policy/errc.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

TEST(Grants, Table) {
  const auto policy = test::signed_policy(test::TestAuthority());
  const struct {
    const char* role;
    const char* key;
    Operation operation;
    bool granted;
  } cases[] = {
      {"payments", "payments/card", Operation::get, true},
      {"payments", "payments/card", Operation::sign, true},
      {"payments", "payments/eu/card", Operation::get, true},
      {"payments", "payments", Operation::get, false},
      {"payments", "reports/daily", Operation::get, false},
      {"reports", "reports/daily", Operation::get, true},
      {"reports", "reports/daily", Operation::sign, false},
      {"reports", "reports/weekly", Operation::get, false},
      {"custodian", "payments/card", Operation::get, false},
      {"unknown", "payments/card", Operation::get, false},
      {"", "payments/card", Operation::get, false},
  };
  for (const auto& c : cases) {
    const auto grant = find_grants(*policy, c.role, c.key, c.operation, test::kNow);
    EXPECT_EQ(grant.has_value(), c.granted) << c.role << " " << c.key;
    if (c.granted) continue;
    EXPECT_TRUE(grant.error().is(AdmissionErrc::not_granted)) << c.role;
  }
}

TEST(Grants, RefusesWhatIsNoKeyNameEvenUnderAStar) {
  const auto policy = test::signed_policy(test::TestAuthority());
  const auto grant =
      find_grants(*policy, "payments", "payments/../reports", Operation::get, test::kNow);
  ASSERT_FALSE(grant.has_value());
  EXPECT_TRUE(grant.error().is(AdmissionErrc::bad_key_name));
}

TEST(Grants, EndAtTheirExpiry) {
  const test::TestAuthority authority;
  const auto policy =
      test::signed_policy(authority, test::replaced(test::sample_policy(authority.descriptor()),
                                                    "\"never\"", "\"2026-01-20T00:00:00Z\""));
  const auto expiry = base::parse_rfc3339("2026-01-20T00:00:00Z").value();
  const auto at = [&](base::UnixMillis now) {
    return find_grants(*policy, "payments", "payments/card", Operation::get, now);
  };
  EXPECT_TRUE(at(expiry - std::chrono::milliseconds(1)).has_value());
  ASSERT_FALSE(at(expiry).has_value());
  EXPECT_TRUE(at(expiry).error().is(AdmissionErrc::grant_expired));
}

TEST(Grants, ThoseWithoutALimitComeFirst) {
  const test::TestAuthority authority;
  const std::string limited = test::replaced(test::sample_policy(authority.descriptor()),
                                             "\"use_limit\": \"none\"", "\"use_limit\": 5");
  const auto limits = [&](const std::string& text) {
    const auto policy = test::signed_policy(authority, text);
    std::vector<std::optional<std::uint64_t>> out;
    for (const Grant* grant :
         find_grants(*policy, "payments", "payments/card", Operation::get, test::kNow).value()) {
      out.push_back(grant->use_limit);
    }
    return out;
  };
  using Limits = std::vector<std::optional<std::uint64_t>>;
  EXPECT_EQ(limits(limited), (Limits{5}));
  // Another grant of the same without a limit, later in the file.
  EXPECT_EQ(
      limits(test::replaced(limited, "\"role\": \"reports\",\n      \"keys\": \"reports/daily\"",
                            "\"role\": \"payments\",\n      \"keys\": \"payments/card\"")),
      (Limits{std::nullopt, 5}));
}

}  // namespace
}  // namespace concordat::policy
