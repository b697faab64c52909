// Editing: the author's order stays, the layout is canonical, nothing bad is written.
#include "policy/edit.hpp"

#include <gtest/gtest.h>

#include "policy/check.hpp"
#include "policy/enroll.hpp"
#include "policy/limits.hpp"
#include "tests/policy/samples.hpp"

namespace concordat::policy {
namespace {

using test::kAccount;
using test::kKmsKey;
using test::kNow;
using test::replaced;
using test::sample_policy;

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
  next.maximum_live = 5;
  EXPECT_EQ(load_policy(enroll(once, next).value())->role("payments")->maximum_live, 5u);
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
  const std::string pinned = pin_root(sample(), 1, commitment).value();
  const Model model = load_policy(pinned).value();
  ASSERT_NE(model.current_root(), nullptr);
  EXPECT_EQ(model.current_root()->generation, 1u);
  EXPECT_EQ(model.current_root()->commitment, commitment);
  EXPECT_EQ(model.serial, 2u);
  EXPECT_TRUE(pin_root(pinned, 1, commitment).error().is(EditErrc::root_pinned));
  EXPECT_FALSE(pin_root(sample(), 1, base::Bytes(31, 1)).has_value());
}

TEST(Edit, RenewingChangesTheValidityAlone) {
  const base::UnixMillis from = base::parse_rfc3339("2026-01-20T00:00:00Z").value();
  std::string wanted = replaced(sample(), "\"serial\": 1", "\"serial\": 2");
  wanted = replaced(wanted, "2026-01-01T00:00:00Z", "2026-01-20T00:00:00Z");
  wanted = replaced(wanted, "2026-01-31T00:00:00Z", "2026-01-27T00:00:00Z");
  EXPECT_EQ(renew(sample(), from, std::chrono::hours(24 * 7)).value(), wanted);
  EXPECT_TRUE(
      renew(sample(), from, std::chrono::hours(24 * 91)).error().is(PolicyErrc::bad_validity));
}

TEST(Edit, AnOperatorGetsPurposesUnderOneKey) {
  const attest::SignerKey key = test::operator_key().public_key();
  const attest::SignerKey other = test::freshness_key().public_key();
  const std::string once = add_operator(sample(), "dana", {key, {"keys"}}).value();
  Model model = load_policy(once).value();
  EXPECT_EQ(model.operators.at("dana").key, key);
  EXPECT_EQ(model.operators.at("dana").purposes, std::vector<std::string>{"keys"});
  const std::string twice = add_operator(once, "dana", {key, {"keys"}}).value();
  EXPECT_EQ(twice, replaced(once, "\"serial\": 2", "\"serial\": 3"));
  EXPECT_TRUE(add_operator(once, "dana", {other, {"keys"}}).error().is(EditErrc::name_taken));
  EXPECT_TRUE(
      add_operator(sample(), "dana", {key, {"no/such"}}).error().is(PolicyErrc::dangling_name));
  EXPECT_TRUE(add_operator(once, "erin", {key, {"keys"}}).error().is(PolicyErrc::key_reused));
}

TEST(Edit, AdministrationComesWithItsFirstOperator) {
  const attest::SignerKey key = test::operator_key().public_key();
  const std::string once = add_operator(sample(), "dana", {key, {"admin"}}).value();
  const Model model = load_policy(once).value();
  const Purpose* const admin = model.purpose(kAdminPurpose);
  ASSERT_NE(admin, nullptr);
  EXPECT_TRUE(admin->initiator.empty());
  EXPECT_EQ(admin->responder, std::vector<std::string>{"custodian"});
  // Taken away by hand, it stays away: whoever wants no custodian administered says so there.
  const std::string nobody =
      replaced(once, "\"responder\": [\n        \"custodian\"\n      ]\n    }\n  },",
               "\"responder\": []\n    }\n  },");
  const std::string again = add_operator(nobody, "dana", {key, {"admin"}}).value();
  EXPECT_TRUE(load_policy(again).value().purpose(kAdminPurpose)->responder.empty());
}

TEST(Edit, ANewCustodianIsAdministeredWhereTheOthersAre) {
  Enrolment custodian = enrolment("custodian-2", "custodian-eu");
  custodian.accounts = {kAccount};
  custodian.purposes = {{"keys", Side::responder}};
  EXPECT_EQ(load_policy(enroll(sample(), custodian).value()).value().purpose(kAdminPurpose),
            nullptr);
  const std::string administered =
      add_operator(sample(), "dana", {test::operator_key().public_key(), {"admin"}}).value();
  const Model model = load_policy(enroll(administered, custodian).value()).value();
  EXPECT_EQ(model.purpose(kAdminPurpose)->responder,
            (std::vector<std::string>{"custodian", "custodian-eu"}));
}

TEST(Edit, SettingsChangeWhatTheyNameAndNothingElse) {
  EXPECT_EQ(change_settings(sample(), {}).value(),
            replaced(sample(), "\"serial\": 1", "\"serial\": 2"));
  Settings settings;
  settings.freshness = Freshness{test::freshness_key().public_key(), 600};
  settings.recovery = Recovery{1, {{"erin", HolderKey::from_hex(std::string(64, '3')).value()}}};
  settings.minimum_protocol_version = 2;
  settings.document_max_age_seconds = 60;
  settings.channel_seconds = 61;
  settings.channel_bytes = 62;
  settings.channel_records = 63;
  settings.maximum_live = {{"payments", 4}};
  settings.rotation = {{"payments/*", 86400}};
  const std::string text = change_settings(sample(), settings).value();
  const Model model = load_policy(text).value();
  EXPECT_EQ(model.freshness->max_age_seconds, 600u);
  EXPECT_EQ(model.freshness->key, (*settings.freshness)->key);
  EXPECT_EQ(model.recovery->threshold, 1u);
  EXPECT_EQ(model.recovery->holders, (*settings.recovery)->holders);
  EXPECT_EQ(model.minimum_protocol_version, 2u);
  EXPECT_EQ(model.document_max_age_seconds, 60u);
  EXPECT_EQ(model.channel_life.seconds, 61u);
  EXPECT_EQ(model.channel_life.bytes, 62u);
  EXPECT_EQ(model.channel_life.records, 63u);
  EXPECT_EQ(model.role("payments")->maximum_live, 4u);
  EXPECT_EQ(model.role("custodian")->maximum_live, std::nullopt);
  EXPECT_EQ(model.rotation.at("payments/*").every_seconds, 86400u);
  Settings back;
  back.freshness.emplace();
  back.recovery.emplace();
  back.maximum_live = {{"payments", std::nullopt}};
  back.rotation = {{"payments/*", std::nullopt}};
  const Model without = load_policy(change_settings(text, back).value()).value();
  EXPECT_FALSE(without.freshness || without.recovery || without.role("payments")->maximum_live);
  EXPECT_TRUE(without.rotation.empty());
}

TEST(Edit, SettingsThatCannotBeAreRefused) {
  Settings unknown;
  unknown.maximum_live = {{"ledger", 4}};
  EXPECT_TRUE(change_settings(sample(), unknown).error().is(EditErrc::nothing_matches));
  Settings not_rotated;
  not_rotated.rotation = {{"payments/*", std::nullopt}};
  EXPECT_TRUE(change_settings(sample(), not_rotated).error().is(EditErrc::nothing_matches));
  Settings no_pattern;
  no_pattern.rotation = {{"payments/", 86400}};
  EXPECT_TRUE(change_settings(sample(), no_pattern).error().is(PolicyErrc::bad_value));
  Settings zero;
  zero.channel_records = 0;
  EXPECT_TRUE(change_settings(sample(), zero).error().is(PolicyErrc::bad_value));
  Settings kms;
  kms.kms_key_arn = replaced(kKmsKey, "1234abcd", "5678abcd");
  EXPECT_EQ(load_policy(change_settings(sample(), kms).value())->kms_key_arn, kms.kms_key_arn);
}

// What is pinned was sealed under the older key and stays to be had from it.
TEST(Edit, AnotherKmsKeyIsOfRootsToCome) {
  Settings kms;
  kms.kms_key_arn = replaced(kKmsKey, "1234abcd", "5678abcd");
  const std::string pinned = pin_root(sample(), 1, base::Bytes(48, 0xc0)).value();
  const std::string changed = change_settings(pinned, kms).value();
  const Model model = load_policy(pin_root(changed, 2, base::Bytes(48, 0xc1)).value()).value();
  EXPECT_EQ(model.kms_key_arn, kms.kms_key_arn);
  EXPECT_EQ(model.root(1)->kms_key_arn, kKmsKey);
  EXPECT_EQ(model.root(2)->kms_key_arn, std::nullopt);
  kms.kms_key_arn = kKmsKey;
  EXPECT_EQ(load_policy(change_settings(pinned, kms).value())->root(1)->kms_key_arn, std::nullopt);
}

TEST(Edit, AFurtherRootIsPinnedTakesOverAndTheOlderOneIsRetired) {
  std::string text = pin_root(sample(), 1, base::Bytes(48, 0xc0)).value();
  EXPECT_TRUE(pin_root(text, 3, base::Bytes(48, 0xc1)).error().is(EditErrc::root_pinned));
  text = pin_root(text, 2, base::Bytes(48, 0xc1)).value();
  EXPECT_EQ(load_policy(text)->current_root()->generation, 1u);
  Settings settings;
  settings.current_root = 3;
  EXPECT_TRUE(change_settings(text, settings).error().is(EditErrc::nothing_matches));
  settings.current_root = 2;
  text = change_settings(text, settings).value();
  EXPECT_EQ(load_policy(text)->current_root()->generation, 2u);
  settings = {};
  settings.retired_root = 2;
  EXPECT_TRUE(change_settings(text, settings).error().is(EditErrc::nothing_matches));
  settings.retired_root = 1;
  text = change_settings(text, settings).value();
  const Model model = load_policy(text).value();
  EXPECT_EQ(model.root_generations.size(), 1u);
  EXPECT_EQ(model.next_root_generation(), 3u);
}

}  // namespace
}  // namespace concordat::policy
