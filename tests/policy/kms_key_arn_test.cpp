// Which KMS keys a policy may name, and so a custodian dial: one table, held against the parser and
// against the regular expression that the policy's schema repeats.
#include "policy/kms_key_arn.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "attest/base/file.hpp"

namespace concordat::policy {
namespace {

using namespace nlohmann::literals;

const std::string kUuid = "12345678-90ab-cdef-1234-567890abcdef";
const std::string kMultiRegion = "mrk-1234567890abcdef1234567890abcdef";

std::string arn(const std::string& region, const std::string& id = kUuid,
                const std::string& partition = "aws") {
  return "arn:" + partition + ":kms:" + region + ":111122223333:key/" + id;
}

const std::vector<std::string> kGood{
    arn("us-east-1"),
    arn("eu-west-1"),
    arn("ap-southeast-2"),
    arn("me-central-1"),
    arn("ca-west-1"),
    arn("us-east-99"),
    arn("eu-west-1", kMultiRegion),
    arn("us-gov-west-1", kUuid, "aws-us-gov"),
    arn("us-gov-east-1", kMultiRegion, "aws-us-gov"),
};

const std::vector<std::string> kBad{
    "",
    "arn",
    kUuid,
    "key/" + kUuid,
    "alias/root",
    "arn:aws:kms:eu-west-1:111122223333:alias/root",
    arn("eu-west-1") + ":x",
    arn("eu-west-1") + "\n",
    " " + arn("eu-west-1"),
    "ARN" + arn("eu-west-1").substr(3),
    "arn:aws:sqs:eu-west-1:111122223333:key/" + kUuid,
    // Partitions without a pinned root, and regions of another partition.
    arn("cn-north-1", kUuid, "aws-cn"),
    arn("us-iso-east-1", kUuid, "aws-iso"),
    arn("eu-west-1", kUuid, "awsome"),
    arn("eu-west-1", kUuid, ""),
    arn("cn-north-1"),
    arn("us-gov-west-1"),
    arn("us-iso-east-1"),
    arn("us-east-1", kUuid, "aws-us-gov"),
    // The region becomes part of a host name.
    arn(""),
    arn("evil.example/-1"),
    arn("eu-west-1@evil-1"),
    arn("eu-west-1.evil.example/-1"),
    arn("eu--west-1"),
    arn("eu-west-"),
    arn("eu-west-100"),
    arn("eu-west"),
    arn("eu-1"),
    arn("e-west-1"),
    arn("EU-west-1"),
    arn("eu-abcdefghijklmnopq-1"),
    arn("us-gov--1", kUuid, "aws-us-gov"),
    "arn:aws:kms:eu-west-1:11112222333:key/" + kUuid,
    "arn:aws:kms:eu-west-1:1111222233333:key/" + kUuid,
    "arn:aws:kms:eu-west-1:11112222333x:key/" + kUuid,
    "arn:aws:kms:eu-west-1::key/" + kUuid,
    // A key's id.
    arn("eu-west-1", ""),
    arn("eu-west-1", "abc"),
    arn("eu-west-1", "1234abcd-12ab"),
    arn("eu-west-1", "12345678-90AB-cdef-1234-567890abcdef"),
    arn("eu-west-1", "1234567890ab-cdef-1234-567890abcdef-"),
    arn("eu-west-1", kUuid + "0"),
    arn("eu-west-1", "mrk-1234"),
    arn("eu-west-1", "mrk-" + kUuid),
    arn("eu-west-1", "mrk-1234567890ABCDEF1234567890abcdef"),
    arn("eu-west-1", kUuid + "/x"),
    arn("eu-west-1", "key/" + kUuid),
};

TEST(KmsKeyArn, HasOneRuleInTwoForms) {
  const std::regex pattern(kKmsKeyArnPattern, std::regex::ECMAScript);
  for (const std::string& good : kGood) {
    EXPECT_TRUE(KmsKeyArn::parse(good)) << good;
    EXPECT_TRUE(std::regex_search(good, pattern)) << good;
  }
  for (const std::string& bad : kBad) {
    const auto parsed = KmsKeyArn::parse(bad);
    EXPECT_TRUE(parsed.has_error() && parsed.error().is(KmsKeyArnErrc::bad_key_arn)) << bad;
    EXPECT_FALSE(std::regex_search(bad, pattern)) << bad;
  }
}

TEST(KmsKeyArn, HasThePatternOfThePublishedSchema) {
  const auto file = base::read_file(CONCORDAT_SOURCE_DIR "/policy/policy.schema.json", 1 << 20);
  const auto schema = nlohmann::json::parse(base::as_text(file.value()));
  const auto& key = schema.at("/properties/root/properties/kms_key_arn"_json_pointer);
  EXPECT_EQ(key.at("anyOf").at(1).at("pattern"), kKmsKeyArnPattern);
}

TEST(KmsKeyArn, ComesApartIntoItsParts) {
  const std::string text = arn("us-gov-west-1", kMultiRegion, "aws-us-gov");
  const auto parsed = KmsKeyArn::parse(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->text(), text);
  EXPECT_EQ(parsed->partition(), "aws-us-gov");
  EXPECT_EQ(parsed->region(), "us-gov-west-1");
  EXPECT_EQ(parsed->account(), "111122223333");
  EXPECT_EQ(parsed->key_id(), kMultiRegion);
}

TEST(KmsKeyArn, NamesThePartThatIsWrong) {
  const auto detail = [](const std::string& text) {
    return KmsKeyArn::parse(text).error().detail();
  };
  EXPECT_EQ(detail(kUuid), "want arn:aws:kms:REGION:ACCOUNT:key/ID");
  EXPECT_EQ(detail("arn:aws:iam:eu-west-1:111122223333:key/" + kUuid),
            "it is not arn:PARTITION:kms:...");
  EXPECT_EQ(detail(arn("cn-north-1", kUuid, "aws-cn")),
            "its partition is neither aws nor aws-us-gov");
  EXPECT_EQ(detail(arn("cn-north-1")), "its region is not one of the partition's");
  EXPECT_EQ(detail("arn:aws:kms:eu-west-1:1:key/" + kUuid), "its account is not 12 digits");
  EXPECT_EQ(detail("arn:aws:kms:eu-west-1:111122223333:alias/root"),
            "its resource is not key/ and a UUID or mrk- id (an alias can be pointed elsewhere)");
}

}  // namespace
}  // namespace concordat::policy
