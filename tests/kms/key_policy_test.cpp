// Evaluation of key policies: a table of who asks what with which conditions.
#include "deploy/lab/key_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace concordat::lab {
namespace {

using testing::HasSubstr;

constexpr const char* kKey = "arn:aws:kms:us-east-1:111122223333:key/k";

KeyPolicy parse(const std::string& statements) {
  return KeyPolicy::parse(R"({"Version":"2012-10-17","Statement":)" + statements + "}").value();
}
// A statement with everything open but what `more` says.
std::string statement(const std::string& effect, const std::string& more) {
  return R"({"Effect":")" + effect + R"(","Principal":"*","Action":"kms:*","Resource":"*")" +
         (more.empty() ? "" : "," + more) + "}";
}
std::string condition(const std::string& text) {
  return R"("Condition":)" + text;
}

PolicyQuestion question(ConditionKeys keys = {}, std::string action = "kms:Decrypt") {
  return {"arn:aws:iam::111122223333:user/ann", "111122223333", std::move(action), kKey,
          std::move(keys)};
}

constexpr const char* kPcr0 = "kms:recipientattestation:pcr0";
constexpr const char* kContext = "kms:encryptioncontext:realm";

struct ConditionRow {
  const char* condition;
  ConditionKeys keys;
  bool holds;
};

TEST(KeyPolicyConditions, Table) {
  const ConditionKeys none;
  const ConditionKeys abc{{kPcr0, {"abc"}}};
  const ConditionKeys two{{kPcr0, {"abc"}}, {kContext, {"r1"}}};
  const ConditionKeys names{{"kms:encryptioncontextkeys", {"a", "b"}}};
  for (const ConditionRow& row : {
           // Positive operators: absence denies.
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"abc"}})", abc, true},
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"ABC"}})", abc, false},
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"abc"}})", none, false},
           ConditionRow{R"({"StringEquals":{"KMS:recipientattestation:pcr0":"abc"}})", abc, true},
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":["x","abc"]}})", abc,
                        true},
           ConditionRow{R"({"StringEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"ABC"}})",
                        abc, true},
           ConditionRow{R"({"StringEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"ABD"}})",
                        abc, false},
           ConditionRow{R"({"StringEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"ABC"}})",
                        none, false},
           ConditionRow{R"({"StringLike":{"kms:RecipientAttestation:PCR0":"a*"}})", abc, true},
           ConditionRow{R"({"StringLike":{"kms:RecipientAttestation:PCR0":"b*"}})", abc, false},
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"a*"}})", abc, false},
           // Negated operators hold for what is not there.
           ConditionRow{R"({"StringNotEquals":{"kms:RecipientAttestation:PCR0":"abc"}})", abc,
                        false},
           ConditionRow{R"({"StringNotEquals":{"kms:RecipientAttestation:PCR0":["abc","x"]}})", abc,
                        false},
           ConditionRow{R"({"StringNotEquals":{"kms:RecipientAttestation:PCR0":"x"}})", abc, true},
           ConditionRow{R"({"StringNotEquals":{"kms:RecipientAttestation:PCR0":"x"}})", none, true},
           ConditionRow{R"({"StringNotEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"ABC"}})",
                        abc, false},
           ConditionRow{
               R"({"StringNotEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":["x","ABC"]}})",
               abc, false},
           ConditionRow{R"({"StringNotEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"ABC"}})",
                        none, true},
           ConditionRow{R"({"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/a"}})",
                        {{"aws:principalarn", {"arn:aws:iam::1:role/a"}}},
                        false},
           ConditionRow{R"({"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/a"}})",
                        {{"aws:principalarn", {"arn:aws:iam::1:role/b"}}},
                        true},
           ConditionRow{R"({"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/a"}})", none,
                        true},
           ConditionRow{R"({"StringNotLike":{"kms:RecipientAttestation:PCR0":"a?c"}})", abc, false},
           // IfExists holds for what is not there, and only for that.
           ConditionRow{R"({"StringEqualsIfExists":{"kms:RecipientAttestation:PCR0":"x"}})", none,
                        true},
           ConditionRow{R"({"StringEqualsIfExists":{"kms:RecipientAttestation:PCR0":"x"}})", abc,
                        false},
           ConditionRow{
               R"({"StringEqualsIgnoreCaseIfExists":{"kms:RecipientAttestation:PCR0":"ABC"}})", abc,
               true},
           // Null.
           ConditionRow{R"({"Null":{"kms:RecipientAttestation:PCR0":"true"}})", none, true},
           ConditionRow{R"({"Null":{"kms:RecipientAttestation:PCR0":true}})", abc, false},
           ConditionRow{R"({"Null":{"kms:RecipientAttestation:PCR0":"false"}})", abc, true},
           ConditionRow{R"({"Null":{"kms:RecipientAttestation:PCR0":"false"}})", none, false},
           // All operators and all keys of a statement must hold.
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"abc",
                                            "kms:EncryptionContext:realm":"r1"}})",
                        two, true},
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"abc",
                                            "kms:EncryptionContext:realm":"r2"}})",
                        two, false},
           ConditionRow{R"({"StringEquals":{"kms:RecipientAttestation:PCR0":"abc"},
                            "Null":{"kms:EncryptionContext:realm":"true"}})",
                        two, false},
           // Keys with several values.
           ConditionRow{R"({"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]}})",
                        names, true},
           ConditionRow{R"({"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"a"}})", names,
                        false},
           ConditionRow{R"({"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"a"}})", none,
                        true},
           ConditionRow{R"({"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"a"}})", names,
                        true},
           ConditionRow{R"({"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"c"}})", names,
                        false},
           ConditionRow{R"({"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"a"}})", none,
                        false},
           ConditionRow{R"({"ForAnyValue:StringNotEquals":{"kms:EncryptionContextKeys":"a"}})",
                        names, true},
           ConditionRow{R"({"Bool":{"aws:SecureTransport":true}})",
                        {{"aws:securetransport", {"true"}}},
                        true},
       }) {
    const std::string text = condition(row.condition);
    const KeyPolicy allowing = parse(statement("Allow", text));
    EXPECT_EQ(allowing.authorize(question(row.keys)).has_value(), row.holds) << row.condition;
    const KeyPolicy denying =
        parse("[" + statement("Allow", "") + "," + statement("Deny", text) + "]");
    EXPECT_EQ(denying.authorize(question(row.keys)).has_value(), !row.holds) << row.condition;
  }
}

struct PrincipalRow {
  const char* principal;
  bool matches;
};

TEST(KeyPolicyPrincipals, Table) {
  for (const PrincipalRow& row : {
           PrincipalRow{R"("*")", true},
           PrincipalRow{R"({"AWS":"*"})", true},
           PrincipalRow{R"({"AWS":"111122223333"})", true},
           PrincipalRow{R"({"AWS":"arn:aws:iam::111122223333:root"})", true},
           PrincipalRow{R"({"AWS":"arn:aws:iam::111122223333:user/ann"})", true},
           PrincipalRow{R"({"AWS":["arn:aws:iam::1:root","arn:aws:iam::111122223333:user/ann"]})",
                        true},
           PrincipalRow{R"({"AWS":"arn:aws:iam::111122223333:user/bob"})", false},
           PrincipalRow{R"({"AWS":"arn:aws:iam::111122223333:user/*"})",
                        false},  // no wildcard here
           PrincipalRow{R"({"AWS":"arn:aws:iam::999922223333:root"})", false},
           PrincipalRow{R"({"Service":"ec2.amazonaws.com"})", false},
       }) {
    const KeyPolicy policy =
        parse(R"({"Effect":"Allow","Principal":)" + std::string(row.principal) +
              R"(,"Action":"kms:Decrypt","Resource":"*"})");
    EXPECT_EQ(policy.authorize(question()).has_value(), row.matches) << row.principal;
  }
}

struct ActionRow {
  const char* patterns;
  const char* action;
  bool matches;
};

TEST(KeyPolicyActions, Table) {
  for (const ActionRow& row : {
           ActionRow{R"("kms:*")", "kms:Decrypt", true},
           ActionRow{R"("*")", "kms:Decrypt", true},
           ActionRow{R"("KMS:decrypt")", "kms:Decrypt", true},
           ActionRow{R"(["kms:Encrypt","kms:GenerateDataKey*"])", "kms:GenerateDataKey", true},
           ActionRow{R"("kms:ReEncrypt*")", "kms:ReEncryptFrom", true},
           ActionRow{R"("kms:ReEncrypt*")", "kms:Encrypt", false},
           ActionRow{R"("kms:Decrypt")", "kms:DecryptX", false},
           ActionRow{R"("kms:Decryp?")", "kms:Decrypt", true},
           ActionRow{R"("sts:*")", "kms:Decrypt", false},
       }) {
    const KeyPolicy policy = parse(R"({"Effect":"Allow","Principal":"*","Action":)" +
                                   std::string(row.patterns) + R"(,"Resource":"*"})");
    EXPECT_EQ(policy.authorize(question({}, row.action)).has_value(), row.matches) << row.patterns;
  }
}

TEST(KeyPolicy, ResourceMustBeTheKey) {
  for (const auto& [resource, matches] :
       {std::pair{"*", true},
        {kKey, true},
        {"arn:aws:kms:us-east-1:111122223333:key/*", true},
        {"arn:aws:kms:us-east-1:111122223333:key/other", false}}) {
    const KeyPolicy policy =
        parse(R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":")" +
              std::string(resource) + R"("})");
    EXPECT_EQ(policy.authorize(question()).has_value(), matches) << resource;
  }
}

TEST(KeyPolicy, DenyWinsWhereverItStands) {
  const std::string allow = statement("Allow", "");
  const std::string deny = statement("Deny", R"("Sid":"NoMore")");
  for (const std::string& both : {"[" + allow + "," + deny + "]", "[" + deny + "," + allow + "]"}) {
    const auto status = parse(both).authorize(question());
    ASSERT_FALSE(status);
    EXPECT_TRUE(status.error().is(KeyPolicyErrc::explicitly_denied));
    EXPECT_THAT(status.error().detail(), HasSubstr("NoMore"));
  }
}

TEST(KeyPolicy, TheRefusalNamesTheConditionWithWantedAndFound) {
  const KeyPolicy policy = parse(statement(
      "Allow",
      R"("Sid":"Custodian",)" +
          condition(R"({"StringEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"aa"}})")));
  const auto wrong = policy.authorize(question({{kPcr0, {"bb"}}}));
  EXPECT_TRUE(wrong.error().is(KeyPolicyErrc::not_allowed));
  EXPECT_EQ(wrong.error().detail(),
            "statement Custodian: StringEqualsIgnoreCase kms:RecipientAttestation:PCR0 wants aa, "
            "found bb");
  EXPECT_THAT(policy.authorize(question()).error().detail(), HasSubstr("found nothing"));
}

TEST(KeyPolicy, DefaultIsForTheAccountAlone) {
  const KeyPolicy policy = KeyPolicy::parse(KeyPolicy::default_text("111122223333")).value();
  EXPECT_TRUE(policy.authorize(question()));
  PolicyQuestion foreign = question();
  foreign.account = "999922223333";
  foreign.principal = "arn:aws:iam::999922223333:user/ann";
  EXPECT_FALSE(policy.authorize(foreign));
}

TEST(KeyPolicyParse, RefusesWhatItWouldNotEvaluate) {
  for (const std::string& text : {
           statement("Allow", condition(R"({"NumericEquals":{"a":"1"}})")),
           statement("Allow", condition(R"({"NullIfExists":{"a":"true"}})")),
           statement("Allow", condition(R"({"StringEquals":{"a":"${aws:username}"}})")),
           statement("Allow", R"("NotAction":"kms:Decrypt")"),
           statement("Allow", R"("NotPrincipal":"*")"),
           statement("Deny", R"("NotResource":"*")"),
       }) {
    const auto parsed = KeyPolicy::parse(R"({"Statement":)" + text + "}");
    EXPECT_TRUE(parsed.error().is(KeyPolicyErrc::unsupported)) << text;
  }
}

TEST(KeyPolicyParse, RefusesMalformedPolicies) {
  for (
      const std::string& text : {
          std::string(),
          std::string("[]"),
          std::string("{}"),
          std::string(R"({"Statement":[]})"),
          R"({"Version":"2020-01-01","Statement":)" + statement("Allow", "") + "}",
          R"({"Statements":)" + statement("Allow", "") + "}",
          R"({"Statement":)" + statement("Permit", "") + "}",
          R"({"Statement":)" + statement("Allow", R"("Conditions":{})") + "}",
          R"({"Statement":)" + statement("Allow", condition(R"({"Null":{"a":"yes"}})")) + "}",
          R"({"Statement":)" + statement("Allow", condition(R"({"StringEquals":{"a":[]}})")) + "}",
          R"({"Statement":)" + statement("Allow", condition(R"({"StringEquals":{"a":1}})")) + "}",
          std::string(
              R"({"Statement":{"Effect":"Allow","Principal":"arn:x","Action":"*","Resource":"*"}})"),
          std::string(R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}})"),
          std::string(R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})"),
          std::string(
              R"({"Statement":{"Effect":"Allow","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}})"),
          std::string(32769, ' '),
      }) {
    EXPECT_FALSE(KeyPolicy::parse(text)) << text;
  }
}

TEST(Pattern, Table) {
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_FALSE(matches_pattern("", "a"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("a*b*c", "aXXbYYbZc"));
  EXPECT_FALSE(matches_pattern("a*b*c", "aXXc"));
  EXPECT_TRUE(matches_pattern("**", "x"));
  EXPECT_FALSE(matches_pattern("?", ""));
  EXPECT_TRUE(matches_pattern("a?", "ab"));
}

}  // namespace
}  // namespace concordat::lab
