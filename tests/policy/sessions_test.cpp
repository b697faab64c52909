// Which parties of sessions a policy lets in, and that whatever it does not name is refused.
#include <gmock/gmock.h>

#include "policy/check.hpp"
#include "policy/describe.hpp"
#include "policy/diff.hpp"
#include "policy/edit.hpp"
#include "policy/evaluate.hpp"
#include "policy/limits.hpp"
#include "policy/revoke.hpp"
#include "policy/signed_policy.hpp"
#include "tests/policy/samples.hpp"
#include "tests/support/lab_claims.hpp"

namespace concordat::policy::sessions_test {
namespace {

constexpr const char* kOther = "bank-b.example";

attest::AuthorityDescriptor other_authority() {
  attest::AuthorityFields fields{kOther, {test::TestAuthority(1, 60).key(0).public_key()}, 1, 1};
  return attest::AuthorityDescriptor::create(std::move(fields)).value();
}

std::string rules(const std::string& content) {
  return test::replaced(sample(), "\"recovery\": \"none\"",
                        "\"recovery\": \"none\", \"sessions\": {" + content + "}");
}

std::string rule(const std::string& id = "sums/*", const std::string& protocol = "aggregate/1",
                 const std::string& runs = "2") {
  return "{\"id\": \"" + id + "\", \"protocol\": \"" + protocol +
         "\", \"own_roles\": [\"payments\"], \"runs_per_input\": " + runs + ", \"realms\": {\"" +
         kOther + "\": {\"authority\": \"" + other_authority().digest().hex() +
         "\", \"roles\": {\"analyst\": {\"images\": [\"reports-1\"], \"accounts\": [\"" +
         test::kAccount + "\"], \"instances\": \"any\"}}}}}";
}

std::string with_sums() {
  return rules("\"sums\": " + rule());
}

lab::EnclaveIdentity identity(const std::string& image) {
  lab::EnclaveIdentity out;
  out.role_arn = test::kAccount;
  out.pcr0 = test::image_pcr(image, 0);
  out.pcr1 = test::image_pcr(image, 1);
  out.pcr2 = test::image_pcr(image, 2);
  return out;
}

class Sessions : public testing::Test {
 protected:
  static PartyQuestion analyst() {
    return {"sums/2026-11", "aggregate/1", "payments",
            kOther,         "analyst",     other_authority().digest(),
            Side::responder};
  }
  [[nodiscard]] base::Status judge(const PartyQuestion& question,
                                   const attest::VerifiedClaims& claims,
                                   const std::string& text = with_sums()) const {
    return evaluate_party(load(text), question, &claims, authority().descriptor().pcr16()).verdict;
  }
  attest::VerifiedClaims claims(const std::string& image, const attest::AuthorityDescriptor& of) {
    return lab_.claims(identity(image), &of);
  }

  test::LabClaims lab_{test::kNow};
};

TEST_F(Sessions, APartyOfAnotherRealmIsLetIn) {
  const auto policy = test::signed_policy(authority(), with_sums());
  const auto admitted = admit_party(*policy, analyst(), claims("reports-1", other_authority()),
                                    authority().descriptor().pcr16());
  ASSERT_TRUE(admitted) << admitted.error().to_string();
  EXPECT_EQ(admitted->role(), "analyst");
  EXPECT_EQ(admitted->purpose(), kSessionPurpose);
  EXPECT_EQ(admitted->image(), "reports-1");
}

TEST_F(Sessions, APartyOfOnesOwnRealmIsJudgedByItsRole) {
  PartyQuestion own = analyst();
  own.realm = test::kRealm;
  own.role = "payments";
  own.authority = authority().descriptor().digest();
  EXPECT_TRUE(judge(own, claims("payments-1", authority().descriptor())));
  EXPECT_TRUE(judge(own, claims("reports-1", authority().descriptor()))
                  .error()
                  .is(AdmissionErrc::image_differs));
  own.role = "reports";
  EXPECT_TRUE(judge(own, claims("reports-1", authority().descriptor()))
                  .error()
                  .is(AdmissionErrc::role_not_in_session));
}

TEST_F(Sessions, WhatPolicyDoesNotNameIsRefused) {
  const auto good = claims("reports-1", other_authority());
  const auto expect = [&](AdmissionErrc code, PartyQuestion question,
                          const std::string& text = with_sums()) {
    const base::Status verdict = judge(question, good, text);
    ASSERT_FALSE(verdict);
    EXPECT_TRUE(verdict.error().is(code)) << verdict.error().to_string();
  };
  expect(AdmissionErrc::session_unknown, analyst(), sample());
  PartyQuestion q = analyst();
  q.session = "sums";
  expect(AdmissionErrc::session_unknown, q);
  q = analyst();
  q.protocol = "aggregate/2";
  expect(AdmissionErrc::session_unknown, q);
  q = analyst();
  q.my_role = "reports";
  expect(AdmissionErrc::own_role_not_in_session, q);
  q = analyst();
  q.realm = "bank-c.example";
  expect(AdmissionErrc::realm_not_in_session, q);
  q = analyst();
  q.role = "payments";
  expect(AdmissionErrc::role_not_in_session, q);
  q = analyst();
  q.authority = authority().descriptor().digest();
  expect(AdmissionErrc::session_authority_differs, q);
  expect(AdmissionErrc::no_image, analyst(),
         test::replaced(with_sums(), "{\"images\": [\"reports-1\"]", "{\"images\": []"));
}

TEST_F(Sessions, EvidenceIsJudgedAsOfARole) {
  EXPECT_TRUE(judge(analyst(), claims("payments-1", other_authority()))
                  .error()
                  .is(AdmissionErrc::image_differs));
  // The right image under the realm of whoever asks, or under none.
  EXPECT_TRUE(judge(analyst(), claims("reports-1", authority().descriptor()))
                  .error()
                  .is(AdmissionErrc::authority_differs));
  EXPECT_TRUE(judge(analyst(), lab_.claims(identity("reports-1"), nullptr))
                  .error()
                  .is(AdmissionErrc::authority_differs));
  auto elsewhere = identity("reports-1");
  elsewhere.role_arn = "arn:aws:iam::999999999999:role/x";
  const auto other = other_authority();
  EXPECT_TRUE(
      judge(analyst(), lab_.claims(elsewhere, &other)).error().is(AdmissionErrc::account_differs));
}

TEST_F(Sessions, TheRuleAloneIsJudgedWithoutEvidence) {
  const auto model = load(with_sums());
  const auto pcr16 = authority().descriptor().pcr16();
  EXPECT_TRUE(evaluate_party(model, analyst(), nullptr, pcr16).verdict);
  PartyQuestion q = analyst();
  q.role = "nobody";
  const Evaluation refused = evaluate_party(model, q, nullptr, pcr16);
  EXPECT_TRUE(refused.verdict.error().is(AdmissionErrc::role_not_in_session));
  EXPECT_EQ(refused.requirements.back().wanted, "analyst");
}

TEST_F(Sessions, TheRuleIsTheOneThatMatches) {
  const auto model = load(rules("\"a\": " + rule("sums/*", "aggregate/1", "\"any\"") +
                                ", \"b\": " + rule("sums/x", "frost/1")));
  EXPECT_EQ(session_rule(model, "sums/x", "aggregate/1")->runs_per_input, std::nullopt);
  EXPECT_EQ(session_rule(model, "sums/x", "frost/1")->runs_per_input, 2u);
  EXPECT_EQ(session_rule(model, "sums/y", "frost/1"), nullptr);
}

TEST_F(Sessions, MistakesAreFound) {
  const auto expect = [](const std::string& text, PolicyErrc code, const std::string& pointer) {
    const ParsedPolicy parsed = parse_policy(text);
    ASSERT_FALSE(parsed.model) << text;
    EXPECT_EQ(parsed.findings.front().code, code) << parsed.findings.front().to_string();
    EXPECT_EQ(parsed.findings.front().pointer, pointer);
  };
  const auto changed = [](const char* from, const char* to) {
    return test::replaced(with_sums(), from, to);
  };
  expect(changed("\"sums/*\"", "\"sums/\""), PolicyErrc::bad_value, "/sessions/sums/id");
  expect(changed("aggregate/1", "aggregate"), PolicyErrc::bad_value, "/sessions/sums/protocol");
  expect(changed("aggregate/1", "aggregate/01"), PolicyErrc::bad_value, "/sessions/sums/protocol");
  expect(changed("\"own_roles\": [\"payments\"]", "\"own_roles\": [\"nobody\"]"),
         PolicyErrc::dangling_name, "/sessions/sums/own_roles/0");
  expect(changed("\"runs_per_input\": 2", "\"runs_per_input\": 0"), PolicyErrc::bad_value,
         "/sessions/sums/runs_per_input");
  expect(changed("\"runs_per_input\": 2, ", ""), PolicyErrc::missing_key, "/sessions/sums");
  expect(changed(kOther, test::kRealm), PolicyErrc::bad_value, "/sessions/sums/realms/lab.example");
  expect(changed("{\"images\": [\"reports-1\"]", "{\"images\": [\"reports-2\"]"),
         PolicyErrc::dangling_name, "/sessions/sums/realms/bank-b.example/roles/analyst/images/0");
  expect(changed("\"instances\": \"any\"}}", "\"instances\": \"any\", \"maximum_live\": 1}}"),
         PolicyErrc::unknown_key,
         "/sessions/sums/realms/bank-b.example/roles/analyst/maximum_live");
  expect(rules("\"a\": " + rule() + ", \"b\": " + rule("sums/x")), PolicyErrc::bad_value,
         "/sessions/b/id");
  // A purpose of that name would be judged by other rules.
  expect(test::replaced(sample(), "\"purposes\": {",
                        "\"purposes\": {\"session\": {\"initiator\": [], \"responder\": []},"),
         PolicyErrc::purpose_misused, "/purposes/session");
}

TEST_F(Sessions, DoubtsAreSpokenOut) {
  const auto warnings = [](const std::string& text) {
    std::vector<std::string> out;
    for (const Finding& finding : check_policy(text, test::kNow).findings) {
      EXPECT_EQ(finding.severity, Severity::warning) << finding.to_string();
      if (finding.pointer.starts_with("/sessions")) out.push_back(finding.pointer);
    }
    return out;
  };
  const std::string analyst = "/sessions/sums/realms/bank-b.example/roles/analyst";
  EXPECT_THAT(warnings(with_sums()), testing::IsEmpty());
  EXPECT_THAT(warnings(test::replaced(with_sums(),
                                      "{\"images\": [\"reports-1\"], \"accounts\": [\"" +
                                          std::string(test::kAccount) + "\"]",
                                      "{\"images\": [], \"accounts\": \"any\"")),
              testing::ElementsAre(analyst, analyst + "/images"));
  EXPECT_THAT(
      warnings(test::replaced(with_sums(), "\"own_roles\": [\"payments\"]", "\"own_roles\": []")),
      testing::ElementsAre("/sessions/sums/own_roles"));
}

TEST_F(Sessions, DifferencesAreNamed) {
  const auto changes = [](const std::string& before, const std::string& after) {
    std::vector<std::string> out;
    for (const Change& change : diff(load(before), load(after)))
      out.push_back(to_text(change));
    return out;
  };
  EXPECT_THAT(
      changes(sample(), with_sums()),
      testing::Contains("+ session rule sums gains roles of realm bank-b.example: analyst"));
  EXPECT_THAT(changes(with_sums(), sample()), testing::Contains("- session rule sums is gone"));
  EXPECT_THAT(changes(with_sums(), with_sums()), testing::IsEmpty());
  EXPECT_THAT(changes(with_sums(), rules("\"sums\": " + rule("sums/*", "aggregate/1", "\"any\""))),
              testing::ElementsAre("~ session rule sums, runs per input: 2 -> any"));
  EXPECT_THAT(changes(with_sums(), test::replaced(with_sums(), "{\"images\": [\"reports-1\"]",
                                                  "{\"images\": [\"custodian-1\"]")),
              testing::ElementsAre("- session rule sums loses images of role analyst of realm "
                                   "bank-b.example: reports-1",
                                   "+ session rule sums gains images of role analyst of realm "
                                   "bank-b.example: custodian-1"));
}

TEST_F(Sessions, ARevokedImageSitsNowhere) {
  Revocation revocation;
  revocation.images = {"reports-1"};
  const Model after = load(revoke(with_sums(), revocation));
  EXPECT_EQ(after.image("reports-1"), nullptr);
  EXPECT_TRUE(after.sessions.at("sums").realms.at(kOther).roles.at("analyst").images.empty());
  Revocation role;
  role.roles = {"payments"};
  EXPECT_TRUE(load(revoke(with_sums(), role)).sessions.at("sums").own_roles.empty());
  // An image that only sessions list still stays when a role that listed it goes.
  Revocation reports;
  reports.roles = {"reports"};
  EXPECT_NE(load(revoke(with_sums(), reports)).image("reports-1"), nullptr);
}

}  // namespace
}  // namespace concordat::policy::sessions_test
