// The text of the AWS key policy: whom it names, what it refuses to print, what it says beside.
// That it does what it must is shown against the local KMS: tests/kms/printed_key_policy_test.cpp.
#include "policy/kms_key_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "policy/limits.hpp"
#include "policy/parse.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using nlohmann::json;
using test::kAccount;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kAdmin = "arn:aws:iam::111122223333:role/key-admin";
constexpr const char* kCaller = "arn:aws:iam::111122223333:role/caller";

class KmsKeyPolicyText : public testing::Test {
 protected:
  Role& custodian() { return model_.roles.at("custodian"); }
  static Pin pin(const std::string& text) { return {text, pcr_of_text(text)}; }
  static Role role(std::vector<std::uint32_t> images, std::optional<std::vector<Pin>> accounts,
                   std::optional<std::vector<Pin>> instances) {
    Role out;
    out.images = std::move(images);
    out.accounts = std::move(accounts);
    out.instances = std::move(instances);
    return out;
  }
  static Pin hex_pin(const std::string& of) { return {pcr_of_text(of).hex(), pcr_of_text(of)}; }

  json statements(const KmsPrincipals& principals = {{kAdmin}, {}}) {
    const json policy = json::parse(kms_key_policy(model_, principals).value().text);
    return policy.at("Statement");
  }
  json of(const std::string& sid, const KmsPrincipals& principals = {{kAdmin}, {}}) {
    const json all = statements(principals);
    for (const json& statement : all) {
      if (statement.at("Sid") == sid) return statement;
    }
    return nullptr;
  }
  KmsKeyPolicyErrc refusal(const KmsPrincipals& principals = {{kAdmin}, {}}) {
    const auto made = kms_key_policy(model_, principals);
    EXPECT_FALSE(made);
    return made ? KmsKeyPolicyErrc{} : static_cast<KmsKeyPolicyErrc>(made.error().code().value());
  }
  std::vector<std::string> warnings(const KmsPrincipals& principals = {{kAdmin}, {}}) {
    return kms_key_policy(model_, principals).value().warnings;
  }

  test::TestAuthority authority_;
  Model model_ = load_policy(test::sample_policy(authority_.descriptor())).value();
};

TEST_F(KmsKeyPolicyText, NamesTheCustodianAndNoOtherImage) {
  const json all = statements();
  EXPECT_EQ(all.at(1).at("Sid"), "Image custodian-1 in role custodian");
  EXPECT_EQ(all.at(1).at("Principal"), (json{{"AWS", kAccount}}));
  const json registers = all.at(1).at("Condition").at("StringEqualsIgnoreCase");
  EXPECT_EQ(registers,
            (json{{"kms:RecipientAttestation:PCR0", model_.images[0].pcr0.hex()},
                  {"kms:RecipientAttestation:PCR1", model_.images[0].pcr1.hex()},
                  {"kms:RecipientAttestation:PCR2", model_.images[0].pcr2.hex()},
                  {"kms:RecipientAttestation:PCR3", pcr_of_text(kAccount).hex()},
                  {"kms:RecipientAttestation:PCR16", authority_.descriptor().pcr16().hex()}}));
  EXPECT_EQ(all.at(2).at("Effect"), "Deny");
  EXPECT_THAT(all.dump(), Not(HasSubstr(model_.images[1].pcr0.hex())));
}

TEST_F(KmsKeyPolicyText, EachImageOfEachRoleHasItsOwnStatement) {
  model_.roles["reserve"] = role({1, 0}, {{pin(kCaller)}}, std::nullopt);
  model_.purposes["keys"].responder.push_back("reserve");
  const json all = statements();
  EXPECT_EQ(all.at(2).at("Sid"), "Image payments-1 in role reserve");
  EXPECT_EQ(all.at(3).at("Sid"), "Image custodian-1 in role reserve");
  EXPECT_EQ(all.at(2).at("Principal"), (json{{"AWS", kCaller}}));
  EXPECT_EQ(of("DenyOtherCallers").at("Condition").at("ArnNotEquals").at("aws:PrincipalArn"),
            (json{kAccount, kCaller}));
  // Each value once, however many statements name it.
  EXPECT_EQ(of("DenyOtherPCR0")
                .at("Condition")
                .at("StringNotEqualsIgnoreCase")
                .at("kms:RecipientAttestation:PCR0"),
            (json{model_.images[0].pcr0.hex(), model_.images[1].pcr0.hex()}));
}

// What one custodian may have anywhere must not be denied to it for another's sake.
TEST_F(KmsKeyPolicyText, DeniesByARegisterOnlyWhereEveryCustodianPinsIt) {
  EXPECT_FALSE(of("DenyOtherPCR3").is_null());
  EXPECT_TRUE(of("DenyOtherPCR4").is_null());
  EXPECT_TRUE(of("DenyOtherPCR8").is_null());
  model_.images[0].pcr8 = pcr_of_text("signer");
  EXPECT_FALSE(of("DenyOtherPCR8").is_null());
  model_.roles["reserve"] = role({1}, std::nullopt, {{pin("i-01234567")}});
  model_.purposes["keys"].responder.push_back("reserve");
  const KmsPrincipals principals{{kAdmin}, {kCaller}};
  for (const char* sid : {"DenyOtherPCR3", "DenyOtherPCR4", "DenyOtherPCR8"})
    EXPECT_TRUE(of(sid, principals).is_null()) << sid;
  EXPECT_FALSE(of("DenyOtherPCR16", principals).is_null());
}

TEST_F(KmsKeyPolicyText, ContextHasTheGenerationsThatPolicyPinsAndTheNext) {
  const auto generations = [&] {
    return of("Image custodian-1 in role custodian")
        .at("Condition")
        .at("StringEquals")
        .at("kms:EncryptionContext:concordat:root-generation");
  };
  EXPECT_EQ(generations(), "1");
  model_.root_generations = {{1, base::Bytes(48, 1), true}};
  EXPECT_EQ(generations(), (json{"1", "2"}));
  model_.root_generations = {{2, base::Bytes(48, 1), false}, {5, base::Bytes(48, 2), true}};
  EXPECT_EQ(generations(), (json{"2", "5", "6"}));
}

TEST_F(KmsKeyPolicyText, CallersAreTheAccountsOrWhatWasGiven) {
  const auto callers = [&](const KmsPrincipals& principals) {
    return of("Image custodian-1 in role custodian", principals).at("Principal").at("AWS");
  };
  custodian().accounts = {{pin(kAccount), pin("arn:aws:iam::111122223333:role/b")}};
  EXPECT_EQ(callers({{kAdmin}, {}}), (json{kAccount, "arn:aws:iam::111122223333:role/b"}));
  EXPECT_EQ(refusal({{kAdmin}, {kCaller}}), KmsKeyPolicyErrc::caller_unused);
  custodian().accounts = {{pin(kAccount), hex_pin(kCaller)}};
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::caller_unknown);
  EXPECT_EQ(callers({{kAdmin}, {kCaller}}), (json{kAccount, kCaller}));
  custodian().accounts = std::nullopt;
  custodian().instances = {{pin("i-01234567")}};
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::caller_unknown);
  EXPECT_EQ(callers({{kAdmin}, {kCaller}}), kCaller);
}

TEST_F(KmsKeyPolicyText, PrincipalsAreRolesAndUsers) {
  for (const char* good : {"arn:aws:iam::111122223333:user/ann", kCaller})
    EXPECT_TRUE(kms_key_policy(model_, {{good}, {}})) << good;
  for (const char* bad : {"", "*", "111122223333", "ann", "arn:aws:iam::111122223333:group/admins",
                          "arn:aws:sts::111122223333:assumed-role/key-admin/session",
                          "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:root/x"}) {
    EXPECT_EQ(refusal({{kAdmin, bad}, {}}), KmsKeyPolicyErrc::bad_principal) << bad;
    EXPECT_EQ(refusal({{kAdmin}, {bad}}), KmsKeyPolicyErrc::bad_principal) << bad;
  }
  EXPECT_EQ(refusal({{kAdmin}, {"arn:aws:iam::111122223333:root"}}),
            KmsKeyPolicyErrc::bad_principal);
  EXPECT_EQ(refusal({{}, {}}), KmsKeyPolicyErrc::no_administrator);
}

TEST_F(KmsKeyPolicyText, TheParentsCredentialsDoNotAdminister) {
  EXPECT_EQ(refusal({{kAdmin, kAccount}, {}}), KmsKeyPolicyErrc::administrator_is_custodian);
}

TEST_F(KmsKeyPolicyText, WithoutKeyOrCustodianThereIsNothingToPrint) {
  custodian().images.clear();
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::no_custodian);
  custodian().images = {0};
  custodian().accounts = std::vector<Pin>();
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::no_custodian);
  custodian().accounts = std::nullopt;
  custodian().instances = std::vector<Pin>();
  EXPECT_EQ(refusal({{kAdmin}, {kCaller}}), KmsKeyPolicyErrc::no_custodian);
  custodian().instances = std::nullopt;
  model_.purposes["keys"].responder.clear();
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::no_custodian);
  model_.purposes.erase("keys");
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::no_custodian);
  model_.kms_key_arn.reset();
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::no_key);
}

TEST_F(KmsKeyPolicyText, SaysWhatItCannotGuard) {
  EXPECT_THAT(warnings(), IsEmpty());
  EXPECT_THAT(warnings({{"arn:aws:iam::111122223333:root"}, {}}),
              ElementsAre(HasSubstr("whoever IAM of that account allows kms:PutKeyPolicy")));
  model_.kms_key_arn =
      "arn:aws:kms:us-east-1:999922223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
  model_.roles["reserve"] = role({0}, std::vector<Pin>(), std::nullopt);
  model_.purposes["keys"].responder.push_back("reserve");
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("\"reserve\" can be held by nobody"),
                                      HasSubstr("is of another account than the key"),
                                      HasSubstr("each replica has a key policy of its own")));
}

TEST_F(KmsKeyPolicyText, IsNeverLargerThanKmsTakes) {
  std::size_t largest = 0;
  std::vector<Pin> accounts;
  for (unsigned i = 0; i < 200; ++i) {
    accounts.push_back(pin("arn:aws:iam::111122223333:role/parent-" + std::to_string(i)));
    custodian().accounts = accounts;
    const auto made = kms_key_policy(model_, {{kAdmin}, {}});
    if (!made) {
      EXPECT_TRUE(made.error().is(KmsKeyPolicyErrc::too_large));
      EXPECT_THAT(made.error().detail(), HasSubstr("KMS takes 32768"));
      break;
    }
    largest = made->text.size();
  }
  // It filled what there is, and no more.
  EXPECT_LE(largest, limits::kKmsKeyPolicyBytes);
  EXPECT_GT(largest, limits::kKmsKeyPolicyBytes - 1024);
}

// What a policy file may hold at most is refused before it is written out a thousand times.
TEST_F(KmsKeyPolicyText, ManyImagesAreRefusedAtOnce) {
  std::vector<Pin> accounts;
  for (std::size_t i = 0; i < limits::kPinsPerRole; ++i)
    accounts.push_back(pin("arn:aws:iam::111122223333:role/" + std::to_string(i)));
  custodian().accounts = accounts;
  model_.images.resize(limits::kImages, model_.images[0]);
  for (std::uint32_t i = 1; i < limits::kImages; ++i)
    custodian().images.push_back(i);
  EXPECT_EQ(refusal(), KmsKeyPolicyErrc::too_large);
}

}  // namespace
}  // namespace concordat::policy
