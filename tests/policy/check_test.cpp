// What the author is told beyond errors.
#include "policy/check.hpp"
#include "tests/policy/samples.hpp"

#include <gtest/gtest.h>

namespace concordat::policy {
namespace {

using test::kAccount;
using test::kNow;
using test::replaced;

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
      {replaced(sample(), "\"serial\": 1", "\"audited_uses\": \"secret\", \"serial\": 1"),
       "warning uses_unaudited /audited_uses\n" + std::string(kReportsUnpinned)},
      {replaced(sample(), "\"use_limit\": \"none\"", "\"use_limit\": 5"), kReportsUnpinned},
      {replaced(sample(), "\"operators\": {}",
                "\"operators\": {\"dana\": {\"key\": \"" + test::operator_key().public_key().hex() +
                    "\", \"purposes\": []}}"),
       std::string(kReportsUnpinned) + "warning nobody_admitted /operators/dana/purposes\n"},
      {replaced(sample(), "\"operators\": {}",
                "\"operators\": {\"dana\": {\"key\": \"" + authority().key(1).public_key().hex() +
                    "\", \"purposes\": [\"keys\"]}}"),
       std::string(kReportsUnpinned) + "error key_reused /operators/dana/key\n" +
           "warning unused /operators/dana/purposes\n"},
      {test::with_operator(sample(), "dana", test::operator_key().public_key()),
       std::string(kReportsUnpinned)},
      {test::with_operator(sample(), "dana", test::operator_key().public_key(), "\"keys\""),
       std::string(kReportsUnpinned) + "warning nobody_admitted /purposes/admin/initiator\n" +
           "warning unused /operators/dana/purposes\n"},
      {replaced(sample(), test::kRealm, "other.example"),
       "error bad_value /realm\n" + std::string(kReportsUnpinned)},
  };
  for (const auto& c : cases)
    EXPECT_EQ(findings(c.text), c.findings);
}

// The sample with this in the place of what role "reports" says.
std::string with_reports(const std::string& images, const std::string& accounts,
                         const std::string& instances = "\"any\"") {
  const std::string text = sample();
  const std::size_t at = text.find("\"reports\": {");
  std::string rest = replaced(text.substr(at), "\"reports-1\"", images);
  rest = replaced(rest, "\"accounts\": \"any\"", "\"accounts\": " + accounts);
  rest = replaced(rest, "\"instances\": \"any\"", "\"instances\": " + instances);
  return text.substr(0, at) + rest;
}

// The sample in which image reports-1 has the measurements of payments-1.
std::string with_one_image_of_two_names(const std::string& signer_of_payments,
                                        const std::string& signer_of_reports) {
  std::string text = sample();
  for (const unsigned index : {0u, 1u, 2u}) {
    text = replaced(text, test::image_pcr("reports-1", index).hex(),
                    test::image_pcr("payments-1", index).hex());
  }
  const std::size_t payments = text.find("\"payments-1\": {");
  for (const std::string& signer : {signer_of_payments, signer_of_reports}) {
    const std::size_t at = text.find("\"PCR8\": ", payments);
    text.replace(at, text.find('\n', at) - at, "\"pcr8\": " + signer);
  }
  text = replaced(text, "pcr8", "PCR8");
  return replaced(text, "pcr8", "PCR8");
}

TEST(CheckPolicy, RolesThatOneEnclaveCanPlayAreTold) {
  const std::string account = std::string("[\"") + kAccount + "\"]";
  const std::string other = R"(["arn:aws:iam::111122223333:role/other"])";
  const std::string one = R"(["i-0123456789abcdef0"])";
  const std::string unused = "warning unused /images/reports-1\n";
  const std::string overlap = "warning roles_overlap /roles/reports\n";
  const std::string reports = R"("payments-1")";
  EXPECT_EQ(findings(with_reports(reports, "\"any\"")), unused + kReportsUnpinned + overlap);
  EXPECT_EQ(findings(with_reports(reports, account)), unused + overlap);
  EXPECT_EQ(findings(with_reports(R"("reports-1", "payments-1")", account, one)), overlap)
      << "payments may run on any instance";
  EXPECT_EQ(findings(with_reports(reports, other)), unused) << "no account plays both";
  EXPECT_EQ(findings(with_reports(reports, "[]")),
            unused + "warning nobody_admitted /roles/reports/accounts\n")
      << "nobody plays reports at all";
}

TEST(CheckPolicy, OneImageUnderTwoNamesIsOneImage) {
  const std::string overlap =
      std::string(kReportsUnpinned) + "warning roles_overlap /roles/reports\n";
  const std::string alice = '"' + std::string(96, 'a') + '"';
  const std::string bob = '"' + std::string(96, 'b') + '"';
  const std::string any = "\"any\"";
  EXPECT_EQ(findings(with_one_image_of_two_names(any, any)), overlap);
  EXPECT_EQ(findings(with_one_image_of_two_names(alice, any)), overlap);
  EXPECT_EQ(findings(with_one_image_of_two_names(alice, alice)), overlap);
  EXPECT_EQ(findings(with_one_image_of_two_names(alice, bob)), kReportsUnpinned)
      << "no enclave has two signers";
}

// What is warned of in the grants that follow payments' get and sign on payments/*.
std::string grant_findings(std::initializer_list<const char*> grants) {
  std::string list =
      "\"grants\": [{\"role\": \"payments\", \"keys\": \"payments/*\", "
      "\"operations\": [\"get\", \"sign\"], \"use_limit\": \"none\", "
      "\"expires\": \"never\"}";
  for (const char* const grant : grants)
    list += std::string(", {\"role\": \"payments\", ") + grant + "}";
  std::string text = sample();
  const std::size_t from = text.find("\"grants\"");
  const std::size_t to = text.find("\"rotation\"");
  text.replace(from, to - from, list + "], ");
  const std::string found = findings(text);
  EXPECT_EQ(found.find(kReportsUnpinned), 0u) << found;
  return found.substr(std::string_view(kReportsUnpinned).size());
}

TEST(CheckPolicy, AGrantThatAnotherOneCoversSaysNothing) {
  const char* const unlimited = "\"use_limit\": \"none\", \"expires\": \"never\"";
  const auto with = [](const char* keys, const char* operations, const char* limits) {
    return std::string("\"keys\": \"") + keys + "\", \"operations\": [" + operations + "], " +
           limits;
  };
  const auto one = [&](const std::string& grant) { return grant_findings({grant.c_str()}); };
  EXPECT_EQ(one(with("payments/card", "\"get\"", unlimited)), "warning unused /grants/1\n");
  EXPECT_EQ(one(with("payments/*", "\"sign\", \"get\"", unlimited)), "warning unused /grants/1\n");
  EXPECT_EQ(one(with("*", "\"get\", \"sign\"", unlimited)), "warning unused /grants/0\n");
  EXPECT_EQ(one(with("payments", "\"get\"", unlimited)), "");
  EXPECT_EQ(one(with("payments/card", "\"get\", \"mac\"", unlimited)), "");
  // A limit that another grant goes round bounds nothing.
  EXPECT_EQ(one(with("payments/card", "\"get\"",
                     "\"use_limit\": \"none\", \"expires\": \"2026-01-20T00:00:00Z\"")),
            "warning unused /grants/1\n");
  EXPECT_EQ(one(with("payments/card", "\"get\"", "\"use_limit\": 5, \"expires\": \"never\"")),
            "warning unused /grants/1\n");
  // Two that cover the rest together.
  const std::string get = with("*", "\"get\"", unlimited);
  const std::string sign = with("*", "\"sign\"", unlimited);
  EXPECT_EQ(grant_findings({get.c_str(), sign.c_str()}), "warning unused /grants/0\n");
}

TEST(CheckPolicy, RotationThatIsTooOftenOrSaysNothingIsTold) {
  const auto rotated = [](const std::string& entries) {
    const std::string found =
        findings(replaced(sample(), "\"rotation\": {}", "\"rotation\": {" + entries + "}"));
    EXPECT_EQ(found.find(kReportsUnpinned), 0u) << found;
    return found.substr(std::string_view(kReportsUnpinned).size());
  };
  EXPECT_EQ(rotated("\"*\": {\"every_seconds\": 86400}"), "");
  EXPECT_EQ(rotated("\"*\": {\"every_seconds\": 86399}"),
            "warning rotates_often /rotation/*/every_seconds\n");
  EXPECT_EQ(rotated("\"*\": {\"every_seconds\": 172800}, "
                    "\"payments/*\": {\"every_seconds\": 86400}"),
            "");
  EXPECT_EQ(rotated("\"*\": {\"every_seconds\": 86400}, "
                    "\"payments/*\": {\"every_seconds\": 86400}"),
            "warning unused /rotation/payments~1*\n");
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
