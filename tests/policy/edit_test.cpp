// Editing: the author's order stays, the layout is canonical, nothing bad is written.
#include "policy/edit.hpp"

#include <gtest/gtest.h>

#include "policy/check.hpp"
#include "policy/limits.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::kAccount;
using test::kKmsKey;
using test::kNow;
using test::replaced;
using test::sample_policy;

const test::TestAuthority& authority() {
  static const test::TestAuthority kAuthority;
  return kAuthority;
}

std::string sample() {
  return sample_policy(authority().descriptor());
}

Enrolment enrolment(const std::string& image, const std::string& role) {
  Enrolment out;
  out.image = image;
  out.measurements = {test::image_pcr(image, 0), test::image_pcr(image, 1),
                      test::image_pcr(image, 2), std::nullopt};
  out.role = role;
  return out;
}

TEST(Edit, CanonicalLayoutIsTheSamplesOwn) {
  EXPECT_EQ(canonical_policy(sample()).value(), sample());
  std::string spread = sample();
  for (std::size_t at = 0; (at = spread.find('\n', at)) != spread.npos; at += 2)
    spread.insert(at, "\t");
  EXPECT_EQ(canonical_policy(spread).value(), sample());
  EXPECT_TRUE(canonical_policy("{}").error().is(PolicyErrc::missing_key));
}

TEST(Edit, ANewPolicyAdmitsNobodyAndIsValidForAsLongAsAsked) {
  const std::string text =
      new_policy(authority().descriptor(), kKmsKey, kNow, limits::kDefaultValidity).value();
  EXPECT_EQ(canonical_policy(text).value(), text);
  const ParsedPolicy checked = check_policy(text, kNow, &authority().descriptor());
  ASSERT_TRUE(checked.model.has_value());
  EXPECT_EQ(checked.model->serial, 1u);
  EXPECT_EQ(checked.model->valid_until - checked.model->valid_from, limits::kDefaultValidity);
  for (const Finding& finding : checked.findings)
    EXPECT_EQ(finding.code, PolicyErrc::nobody_admitted) << finding.to_string();
  EXPECT_EQ(checked.findings.size(), 2u);
  EXPECT_TRUE(new_policy(authority().descriptor(), kKmsKey, kNow, std::chrono::hours(24 * 91))
                  .error()
                  .is(PolicyErrc::bad_validity));
  EXPECT_TRUE(new_policy(authority().descriptor(), "alias/x", kNow, limits::kDefaultValidity)
                  .error()
                  .is(PolicyErrc::bad_value));
  EXPECT_TRUE(new_policy(authority().descriptor(), std::nullopt, kNow, limits::kDefaultValidity));
}

TEST(Edit, EnrolsFromNothingToAPolicyWithoutWarnings) {
  std::string text =
      new_policy(authority().descriptor(), kKmsKey, kNow, limits::kDefaultValidity).value();
  Enrolment custodian = enrolment("custodian-1", "custodian");
  custodian.accounts = {kAccount};
  text = enroll(text, custodian).value();
  Enrolment worker = enrolment("payments-1", "payments");
  worker.instances = {"i-0123456789abcdef0"};
  worker.grants = {{"payments/*", {"get", "sign"}}};
  text = enroll(text, worker).value();
  const ParsedPolicy checked = check_policy(text, kNow, &authority().descriptor());
  ASSERT_TRUE(checked.model.has_value());
  EXPECT_TRUE(checked.findings.empty()) << checked.findings[0].to_string();
  const Model& model = *checked.model;
  EXPECT_EQ(model.serial, 3u);
  EXPECT_EQ(model.purpose("keys")->responder, std::vector<std::string>{"custodian"});
  EXPECT_EQ(model.purpose("keys")->initiator, std::vector<std::string>{"payments"});
  EXPECT_EQ(model.image("payments-1")->pcr1, test::image_pcr("payments-1", 1));
  EXPECT_FALSE(model.role("payments")->accounts.has_value());
  EXPECT_EQ(model.role("payments")->instances->size(), 1u);
  EXPECT_EQ(model.grants.at(0).keys, "payments/*");
}

TEST(Edit, EnrollingKeepsTheRestAndAddsOnlyOnce) {
  Enrolment next = enrolment("payments-2", "payments");
  next.accounts = {kAccount, "arn:aws:iam::444422223333:role/other"};
  const std::string once = enroll(sample(), next).value();
  const Model model = load_policy(once).value();
  EXPECT_EQ(model.role("payments")->images, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(model.role("payments")->accounts->size(), 2u);
  EXPECT_EQ(model.purpose("keys")->initiator, (std::vector<std::string>{"payments", "reports"}));
  // The same again changes the serial and nothing else.
  EXPECT_EQ(enroll(once, next).value(), replaced(once, "\"serial\": 2", "\"serial\": 3"));
}

TEST(Edit, EnrollingForAPurpose) {
  Enrolment service = enrolment("ledger-1", "ledger");
  service.purposes = {{"tunnel/ledger", Side::responder}};
  const Model model = load_policy(enroll(sample(), service).value()).value();
  EXPECT_EQ(model.purpose("tunnel/ledger")->responder, std::vector<std::string>{"ledger"});
  EXPECT_EQ(model.purpose("keys")->initiator.size(), 2u);
}

TEST(Edit, AnImageIsNeverOverwritten) {
  Enrolment changed = enrolment("payments-1", "payments");
  changed.measurements.pcr2 = test::image_pcr("other", 2);
  EXPECT_TRUE(enroll(sample(), changed).error().is(EditErrc::name_taken));
}

TEST(Edit, RefusesToWriteWhatParsingWouldRefuse) {
  EXPECT_TRUE(
      enroll(sample(), enrolment("bad name", "payments")).error().is(PolicyErrc::bad_value));
  Enrolment grant = enrolment("payments-2", "payments");
  grant.grants = {{"payments/*", {"steal"}}};
  EXPECT_TRUE(enroll(sample(), grant).error().is(PolicyErrc::bad_value));
  Enrolment zero = enrolment("zero", "payments");
  zero.measurements.pcr0 = PcrValue();
  EXPECT_TRUE(enroll(sample(), zero).error().is(PolicyErrc::weak_pin));
  Enrolment custodian = enrolment("custodian-2", "second-custodian");
  custodian.purposes = {{"keys", Side::responder}};
  EXPECT_TRUE(enroll(sample(), custodian).error().is(PolicyErrc::custodian_unpinned));
  EXPECT_TRUE(enroll(replaced(sample(), "\"serial\": 1", "\"serial\": 9007199254740991"),
                     enrolment("payments-2", "payments"))
                  .error()
                  .is(EditErrc::serial_exhausted));
}

TEST(Edit, PinsTheFirstRootOnce) {
  const base::Bytes commitment(48, 0xc0);
  const std::string pinned = pin_first_root(sample(), commitment).value();
  const Model model = load_policy(pinned).value();
  ASSERT_NE(model.current_root(), nullptr);
  EXPECT_EQ(model.current_root()->generation, 1u);
  EXPECT_EQ(model.current_root()->commitment, commitment);
  EXPECT_EQ(model.serial, 2u);
  EXPECT_TRUE(pin_first_root(pinned, commitment).error().is(EditErrc::root_pinned));
  EXPECT_FALSE(pin_first_root(sample(), base::Bytes(31, 1)).has_value());
}

}  // namespace
}  // namespace concordat::policy
