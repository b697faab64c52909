// Which strings are names, ARNs, instance ids, key names and patterns.
#include "policy/names.hpp"

#include <gtest/gtest.h>

#include "policy/key_pattern.hpp"

namespace concordat::policy {
namespace {

TEST(Names, OfImagesAndRoles) {
  for (const char* good : {"a", "worker-1.4", "A_b", "7"})
    EXPECT_TRUE(is_name(good)) << good;
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string("\xc3\xa9"), std::string("a\0b", 3), std::string(65, 'a')})
    EXPECT_FALSE(is_name(bad)) << bad;
  EXPECT_TRUE(is_name(std::string(64, 'a')));
}

TEST(Names, OfPurposes) {
  for (const std::string& good : {std::string("keys"), std::string("tunnel/ledger"),
                                  std::string("a.b_c-1/2"), std::string(128, 'p')})
    EXPECT_TRUE(is_purpose_name(good)) << good;
  for (const std::string& bad : {std::string(), std::string("Keys"), std::string("/a"),
                                 std::string("a/"), std::string("a//b"), std::string(129, 'p')})
    EXPECT_FALSE(is_purpose_name(bad)) << bad;
}

TEST(Names, OfRoleArns) {
  EXPECT_TRUE(is_role_arn("arn:aws:iam::111122223333:role/parent"));
  EXPECT_TRUE(is_role_arn("arn:aws-us-gov:iam::111122223333:role/path/parent@x"));
  for (const char* bad :
       {"", "arn", "arn:aws:iam::111122223333:role/", "arn:aws:iam::111122223333:user/x",
        "arn:aws:iam:us-east-1:111122223333:role/x", "arn:aws:iam::11112222333:role/x",
        "arn:aws:iam::111122223333:role/x y", "arn:aws:iam::111122223333:role/x:y",
        "ARN:aws:iam::111122223333:role/x", "arn:awful :iam::111122223333:role/x"})
    EXPECT_FALSE(is_role_arn(bad)) << bad;
}

TEST(Names, OfOtherIamPrincipals) {
  EXPECT_TRUE(is_user_arn("arn:aws:iam::111122223333:user/ann"));
  EXPECT_TRUE(is_account_arn("arn:aws-us-gov:iam::111122223333:root"));
  for (const char* bad :
       {"", "ann", "arn:aws:iam::111122223333:role/x", "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::1:user/ann", "arn:aws:iam::111122223333:user/a*", "arn:aws:iam::1:root"}) {
    EXPECT_FALSE(is_user_arn(bad)) << bad;
    EXPECT_FALSE(is_account_arn(bad)) << bad;
  }
  EXPECT_FALSE(is_account_arn("arn:aws:iam::111122223333:rooted"));
  EXPECT_EQ(account_of_arn("arn:aws:iam::111122223333:user/ann"), "111122223333");
  EXPECT_EQ(account_of_arn("ann"), "");
}

TEST(Names, OfInstances) {
  EXPECT_TRUE(is_instance_id("i-0123456789abcdef0"));
  EXPECT_TRUE(is_instance_id("i-01234567"));
  for (const char* bad : {"", "i-", "i-0123456", "i-0123456789ABCDEF0", "j-01234567", "i-0123456g"})
    EXPECT_FALSE(is_instance_id(bad)) << bad;
}

TEST(KeyNames, Rule) {
  for (const std::string& good : {std::string("a"), std::string("payments/eu/card-1"),
                                  std::string("..."), std::string(128, 'k')})
    EXPECT_TRUE(check_key_name(good).has_value()) << good;
  for (const std::string& bad :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string("a/../b"), std::string("a b"), std::string("*"), std::string("a/*"),
        std::string("a%2f"), std::string("a\0", 2), std::string(129, 'k')})
    EXPECT_FALSE(check_key_name(bad).has_value()) << bad;
}

TEST(KeyPatterns, Rule) {
  for (const char* good : {"*", "a", "a/*", "a/b/*"})
    EXPECT_TRUE(check_key_pattern(good).has_value()) << good;
  for (const char* bad : {"", "/*", "**", "a*", "a/*/b", "*/a", "a/**", "a//*", "../*"})
    EXPECT_FALSE(check_key_pattern(bad).has_value()) << bad;
}

TEST(KeyPatterns, Match) {
  EXPECT_TRUE(matches("a/b", "a/b"));
  EXPECT_FALSE(matches("a/b", "a/b/c"));
  EXPECT_FALSE(matches("a/b", "a/B"));
  EXPECT_TRUE(matches("a/*", "a/b"));
  EXPECT_TRUE(matches("a/*", "a/b/c"));
  EXPECT_FALSE(matches("a/*", "a"));
  EXPECT_FALSE(matches("a/*", "ab"));
  EXPECT_FALSE(matches("a/*", "b/a/c"));
  EXPECT_TRUE(matches("*", "anything/at/all"));
}

}  // namespace
}  // namespace concordat::policy
