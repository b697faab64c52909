// Revoking: what goes, what stays, and that a list never turns into "any".
#include "policy/revoke.hpp"

#include <gtest/gtest.h>

#include "policy/enroll.hpp"
#include "policy/parse.hpp"
#include "tests/policy/samples.hpp"

namespace concordat::policy {
namespace {

using test::kAccount;
using test::replaced;

constexpr const char* kOther = "i-00000000000000000";

std::string enrolled(const std::string& text, const std::string& image, const std::string& role,
                     std::vector<std::string> instances = {}) {
  Enrolment enrolment;
  enrolment.image = image;
  enrolment.measurements = {test::image_pcr(image, 0), test::image_pcr(image, 1),
                            test::image_pcr(image, 2), std::nullopt};
  enrolment.role = role;
  enrolment.instances = std::move(instances);
  return enroll(text, enrolment).value();
}

Model revoked(const std::string& text, const Revocation& revocation) {
  const auto out = revoke(text, revocation);
  EXPECT_TRUE(out) << out.error().to_string();
  return load_policy(out.value()).value();
}
bool finds_nothing(const std::string& text, const Revocation& revocation) {
  return revoke(text, revocation).error().is(EditErrc::nothing_matches);
}

// "WHAT: ROLE WHY", one a line.
std::string still(const std::string& text, const Revocation& revocation) {
  std::string out;
  for (const StillAdmitted& entry :
       still_admitted(load_policy(text).value(), revoked(text, revocation), revocation)) {
    out += entry.what + ": " + entry.role + " " + entry.why + "\n";
  }
  return out;
}

TEST(Revoke, AnImageGoesFromRolesAndFromTheFile) {
  const std::string text = enrolled(enrolled(sample(), "w", "payments"), "w", "reports");
  const Model model = revoked(text, {.images = {"w"}});
  EXPECT_EQ(model.image("w"), nullptr);
  EXPECT_EQ(model.role("payments")->images.size(), 1u);
  EXPECT_EQ(model.serial, load_policy(text)->serial + 1);
  const Model last = revoked(sample(), {.images = {"payments-1"}});
  EXPECT_TRUE(last.role("payments")->images.empty());
  EXPECT_TRUE(finds_nothing(sample(), {.images = {"w"}}));
}

TEST(Revoke, AnImageMayStayInOtherRoles) {
  const std::string text = enrolled(enrolled(sample(), "w", "payments"), "w", "reports");
  const Revocation revocation{.images = {"w"}, .from_role = "payments"};
  const Model model = revoked(text, revocation);
  EXPECT_NE(model.image("w"), nullptr);
  EXPECT_EQ(model.role("payments")->images.size(), 1u);
  EXPECT_EQ(model.role("reports")->images.size(), 2u);
  EXPECT_EQ(still(text, revocation), "image w: reports lists it too\n");
  EXPECT_TRUE(finds_nothing(text, {.images = {"reports-1"}, .from_role = "payments"}));
  EXPECT_TRUE(finds_nothing(text, {.images = {"w"}, .from_role = "ledger"}));
  // The last role that lists it takes it along.
  EXPECT_EQ(revoked(sample(), {.images = {"reports-1"}, .from_role = "reports"}).image("reports-1"),
            nullptr);
}

TEST(Revoke, TheSameMeasurementsUnderAnotherNameAreSeen) {
  std::string text = enrolled(sample(), "w", "payments");
  text = replaced(text, "\"images\": {",
                  "\"images\": {\"twin\": {\"PCR0\": \"" + test::image_pcr("w", 0).hex() +
                      "\", \"PCR1\": \"" + test::image_pcr("w", 1).hex() + "\", \"PCR2\": \"" +
                      test::image_pcr("w", 2).hex() + "\", \"PCR8\": \"" +
                      test::image_pcr("w", 8).hex() + "\"},");
  text = replaced(text, "\"reports-1\"\n      ]", "\"reports-1\", \"twin\"]");
  EXPECT_EQ(still(text, {.images = {"w"}}),
            "image w: reports lists the same measurements as twin\n");
}

TEST(Revoke, ThePinThatGoesLastLeavesNobodyAndNeverAnybody) {
  const Model model = revoked(full(), {.instances = {kInstance}});
  ASSERT_TRUE(model.role("custodian")->instances.has_value());
  EXPECT_TRUE(model.role("custodian")->instances->empty());
  const auto left = emptied(load_policy(full()).value(), model);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].role + " " + left[0].what, "custodian instance");
  EXPECT_TRUE(emptied(model, model).empty());
  const Model accounts = revoked(sample(), {.accounts = {kAccount}});
  EXPECT_TRUE(accounts.role("custodian")->accounts->empty());
  EXPECT_TRUE(accounts.role("payments")->accounts->empty());
  const Model one = revoked(sample(), {.accounts = {kAccount}, .from_role = "payments"});
  EXPECT_EQ(one.role("custodian")->accounts->size(), 1u);
  EXPECT_TRUE(one.role("payments")->accounts->empty());
}

TEST(Revoke, APinGoesHoweverItIsSpelled) {
  const std::string hex = pcr_of_text(kInstance).hex();
  const std::string text = enrolled(full(), "w", "payments", {hex, kOther});
  const Model model = revoked(text, {.instances = {kInstance}});
  EXPECT_TRUE(model.role("custodian")->instances->empty());
  ASSERT_EQ(model.role("payments")->instances->size(), 1u);
  EXPECT_EQ(model.role("payments")->instances->front().text, kOther);
  EXPECT_TRUE(revoked(text, {.instances = {hex}}).role("custodian")->instances->empty());
}

TEST(Revoke, WhereAnyIsTakenAPinCannotGo) {
  const auto refused = revoke(sample(), {.instances = {kInstance}});
  EXPECT_TRUE(refused.error().is(EditErrc::nothing_matches));
  EXPECT_NE(refused.error().detail().find("any is taken by custodian, payments, reports"),
            std::string::npos);
  EXPECT_EQ(still(full(), {.instances = {kInstance}}),
            "instance i-0123456789abcdef0: payments takes any instance\n"
            "instance i-0123456789abcdef0: reports takes any instance\n");
  EXPECT_EQ(still(sample(), {.accounts = {kAccount}, .from_role = "payments"}),
            std::string("account ") + kAccount + ": custodian lists it too\naccount " + kAccount +
                ": reports takes any account\n");
  EXPECT_TRUE(finds_nothing(sample(), {.instances = {"no id"}}));
  EXPECT_TRUE(finds_nothing(full(), {.instances = {kOther}}));
}

TEST(Revoke, ARoleGoesWithAllThatItHad) {
  const Model model = revoked(sample(), {.roles = {"payments"}});
  EXPECT_EQ(model.role("payments"), nullptr);
  EXPECT_EQ(model.image("payments-1"), nullptr);
  EXPECT_EQ(model.purpose("keys")->initiator, std::vector<std::string>{"reports"});
  ASSERT_EQ(model.grants.size(), 1u);
  EXPECT_EQ(model.grants[0].role, "reports");
  EXPECT_NE(model.image("reports-1"), nullptr);
  EXPECT_TRUE(finds_nothing(sample(), {.roles = {"ledger"}}));
}

TEST(Revoke, AllOfItOrNothing) {
  const Model model = revoked(full(), {.images = {"payments-1"}, .operators = {"dana"}});
  EXPECT_TRUE(model.operators.empty());
  EXPECT_EQ(model.image("payments-1"), nullptr);
  EXPECT_EQ(model.serial, 2u);
  EXPECT_TRUE(finds_nothing(full(), {.images = {"payments-1"}, .operators = {"erin"}}));
}

}  // namespace
}  // namespace concordat::policy
