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
    const auto grant = find_grant(*policy, c.role, c.key, c.operation);
    EXPECT_EQ(grant.has_value(), c.granted) << c.role << " " << c.key;
    if (c.granted) continue;
    EXPECT_TRUE(grant.error().is(AdmissionErrc::not_granted)) << c.role;
  }
}

TEST(Grants, RefusesWhatIsNoKeyNameEvenUnderAStar) {
  const auto policy = test::signed_policy(test::TestAuthority());
  const auto grant = find_grant(*policy, "payments", "payments/../reports", Operation::get);
  ASSERT_FALSE(grant.has_value());
  EXPECT_TRUE(grant.error().is(AdmissionErrc::bad_key_name));
}

}  // namespace
}  // namespace concordat::policy
