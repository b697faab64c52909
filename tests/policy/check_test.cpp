// What the author is told beyond errors.
#include "policy/check.hpp"

#include <gtest/gtest.h>

#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::kAccount;
using test::kNow;
using test::replaced;

const test::TestAuthority& authority() {
  static const test::TestAuthority kAuthority;
  return kAuthority;
}

std::string sample() {
  return test::sample_policy(authority().descriptor());
}

// "severity code pointer", one a line.
std::string findings(const std::string& text, base::UnixMillis now = kNow) {
  std::string out;
  for (const Finding& finding : check_policy(text, now, &authority().descriptor()).findings) {
    EXPECT_GT(finding.line, 0u);
    out += std::string(finding.severity == Severity::error ? "error " : "warning ") +
           std::string(describe(finding.code).name) + " " + finding.pointer + "\n";
  }
  return out;
}

// What every version of the sample is warned of.
constexpr const char* kReportsUnpinned = "warning role_unpinned /roles/reports\n";

TEST(CheckPolicy, Table) {
  const std::string pins = std::string("[\n        \"") + kAccount + "\"\n      ]";
  const struct {
    std::string text;
    std::string findings;
  } cases[] = {
      {sample(), kReportsUnpinned},
      {replaced(sample(), "\"reports\"\n      ],\n      \"responder\"",
                "\"payments\"\n      ],\n      \"responder\""),
       "error bad_value /purposes/keys/initiator/1\n"},
      {replaced(sample(), ",\n        \"reports\"\n      ],", "\n      ],"),
       std::string(kReportsUnpinned) + "warning unused /roles/reports\n"
                                       "warning unused /grants/1/role\n"},
      {replaced(sample(), "[\n        \"payments-1\"\n      ]", "[]"),
       "warning unused /images/payments-1\nwarning nobody_admitted /roles/payments/images\n" +
           std::string(kReportsUnpinned)},
      {replaced(sample(), pins, "[]"),
       "warning nobody_admitted /roles/custodian/accounts\n" + std::string(kReportsUnpinned)},
      {replaced(sample(), "\"instances\": \"any\"", "\"instances\": []"),
       "warning nobody_admitted /roles/custodian/instances\n" + std::string(kReportsUnpinned)},
      {replaced(sample(), "[\n        \"custodian\"\n      ]", "[]"),
       "warning unused /roles/custodian\n" + std::string(kReportsUnpinned) +
           "warning nobody_admitted /purposes/keys/responder\n"},
      {replaced(sample(), "[\n        \"get\",\n        \"sign\"\n      ]", "[]"),
       std::string(kReportsUnpinned) + "warning unused /grants/0/operations\n"},
      {replaced(sample(), "\"never\"", "\"2026-01-06T00:00:00Z\""),
       std::string(kReportsUnpinned) + "warning unused /grants/0/expires\n"},
      {replaced(sample(), "\"operators\": {}",
                "\"operators\": {\"dana\": {\"key\": \"" + std::string(64, '2') +
                    "\", \"purposes\": []}}"),
       std::string(kReportsUnpinned) + "warning nobody_admitted /operators/dana/purposes\n"},
      {replaced(sample(), "\"operators\": {}",
                "\"operators\": {\"dana\": {\"key\": \"" + authority().key(1).public_key().hex() +
                    "\", \"purposes\": [\"keys\"]}}"),
       std::string(kReportsUnpinned) + "error key_reused /operators/dana/key\n"},
      {replaced(sample(), test::kRealm, "other.example"),
       "error bad_value /realm\n" + std::string(kReportsUnpinned)},
  };
  for (const auto& c : cases)
    EXPECT_EQ(findings(c.text), c.findings);
}

TEST(CheckPolicy, SaysWhenValidityEnds) {
  const std::string ends =
      "warning ends_soon /validity/not_after\n" + std::string(kReportsUnpinned);
  const auto until = base::parse_rfc3339("2026-01-31T00:00:00Z").value();
  const auto week = std::chrono::hours(7 * 24);
  const auto ms = std::chrono::milliseconds(1);
  EXPECT_EQ(findings(sample(), until - week), kReportsUnpinned);
  EXPECT_EQ(findings(sample(), until - week + ms), ends);
  EXPECT_EQ(findings(sample(), until), ends);
}

TEST(CheckPolicy, AnotherAuthorityIsAnError) {
  const test::TestAuthority other(2);
  const ParsedPolicy checked = check_policy(sample(), kNow, &other.descriptor());
  EXPECT_FALSE(checked.model.has_value());
  EXPECT_EQ(checked.findings.at(0).pointer, "/authority");
  EXPECT_TRUE(check_policy(sample(), kNow).model.has_value());
}

}  // namespace
}  // namespace concordat::policy
