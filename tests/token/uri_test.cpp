// PKCS#11 URIs: what names a key, what is refused and by which words; and the two forms of a point.
#include "deploy/token/uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/token/errc.hpp"
#include "deploy/token/public_point.hpp"

namespace concordat::token {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string refusal(std::string_view text) {
  const auto uri = Uri::parse(text);
  if (uri) return "accepted";
  EXPECT_TRUE(uri.error().is(TokenErrc::bad_uri)) << text;
  return uri.error().detail();
}

TEST(TokenUri, ReadsEveryAttributeThatNamesAKey) {
  // As p11tool prints them.
  const Uri uri =
      Uri::parse(
          "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=5a556f69;token=ops;"
          "id=%01%ff%00;object=alice;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so")
          .value();
  EXPECT_EQ(uri.model, "SoftHSM v2");
  EXPECT_EQ(uri.manufacturer, "SoftHSM project");
  EXPECT_EQ(uri.serial, "5a556f69");
  EXPECT_EQ(uri.token, "ops");
  EXPECT_EQ(uri.object, "alice");
  EXPECT_EQ(uri.id, (base::Bytes{1, 0xff, 0}));
  EXPECT_EQ(uri.module_path, "/usr/lib/softhsm/libsofthsm2.so");
  EXPECT_EQ(Uri::parse(uri.to_string()).value(), uri);
}

TEST(TokenUri, NamesNothingUnlessItSaysSo) {
  EXPECT_EQ(Uri::parse("pkcs11:").value(), Uri());
  EXPECT_EQ(Uri().to_string(), "pkcs11:");
}

TEST(TokenUri, WritesWhatCannotBeMisread) {
  Uri uri;
  uri.token = "a;b=c?d&e%f \xc3\xa9";
  uri.id = base::Bytes{0x01, ';', 'A'};
  uri.module_path = "/opt/a b?c.so";
  EXPECT_EQ(uri.to_string(),
            "pkcs11:token=a%3Bb%3Dc%3Fd%26e%25f%20%C3%A9;id=%01%3BA?module-path=%2Fopt%2Fa%20b%3Fc."
            "so");
  EXPECT_EQ(Uri::parse(uri.to_string()).value(), uri);
}

TEST(TokenUri, APinIsRefusedAndNeverRepeated) {
  for (const char* text : {"pkcs11:token=ops?pin-value=s3cret", "pkcs11:token=ops;pin-value=s3cret",
                           "pkcs11:token=ops?module-path=/m.so&pin-value=s3cret",
                           "pkcs11:token=ops?pin-value=s3cret%"}) {
    EXPECT_THAT(refusal(text), HasSubstr("change that PIN")) << text;
    EXPECT_THAT(refusal(text), Not(HasSubstr("s3cret"))) << text;
  }
  EXPECT_THAT(refusal("pkcs11:token=ops?pin-source=file:/etc/pin"), HasSubstr("--pin-fd"));
}

TEST(TokenUri, WhatItDoesNotKnowIsRefusedBecauseItWouldWidenTheMatch) {
  for (const char* name : {"slot-id", "slot-description", "library-version", "object-type", "Token",
                           "x-vendor", "module-path", ""}) {
    EXPECT_THAT(refusal("pkcs11:" + std::string(name) + "=1"), HasSubstr("known are")) << name;
  }
  for (const char* name : {"module-name", "token", "Module-path"}) {
    EXPECT_THAT(refusal("pkcs11:token=a?" + std::string(name) + "=1"), HasSubstr("known are"));
  }
  EXPECT_EQ(refusal("pkcs11:type=cert"), "type: want private or public");
}

TEST(TokenUri, IsStrict) {
  EXPECT_EQ(refusal(""), "does not begin with pkcs11:");
  EXPECT_EQ(refusal("token=ops"), "does not begin with pkcs11:");
  EXPECT_EQ(refusal("pkcs11:token="), "token is empty");
  EXPECT_EQ(refusal("pkcs11:id="), "id is empty");
  EXPECT_EQ(refusal("pkcs11:token=a?module-path="), "module-path is empty");
  EXPECT_EQ(refusal("pkcs11:token=a;token=a"), "token comes twice");
  EXPECT_EQ(refusal("pkcs11:id=%01;id=%01"), "id comes twice");
  EXPECT_EQ(refusal("pkcs11:type=public;type=private"), "type comes twice");
  EXPECT_EQ(refusal("pkcs11:token=a?module-path=/m&module-path=/m"), "module-path comes twice");
  EXPECT_EQ(refusal("pkcs11:token=a?"), "nothing after '?'");
  EXPECT_THAT(refusal("pkcs11:token"), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(refusal("pkcs11:token=a;"), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(refusal("pkcs11:token=a;;object=b"), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(refusal("pkcs11:;token=a"), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(refusal("pkcs11:token=a?module-path=/m&"), HasSubstr("NAME=VALUE"));
  for (const char* value : {"%", "%4", "%4g", "a%"}) {
    EXPECT_EQ(refusal("pkcs11:token=" + std::string(value)),
              "token: '%' without two hexadecimal digits");
  }
  for (const char* value : {"a b", "a\"", "a#b", "a<b", "\xc3\xa9", "a\\b", "a\n"}) {
    EXPECT_THAT(refusal("pkcs11:token=" + std::string(value)), HasSubstr("must be written as %NN"));
  }
  EXPECT_EQ(refusal("pkcs11:token=" + std::string(kMaxUri, 'a')), "longer than 4096 characters");
}

TEST(PublicPoint, OccursBareAndWrapped) {
  const base::Bytes bare(32, 0x5a);
  const base::Bytes wrapped = base::from_hex("0420" + base::to_hex(bare)).value();
  EXPECT_EQ(read_public_point(bare).value().hex(), base::to_hex(bare));
  EXPECT_EQ(read_public_point(wrapped).value().hex(), base::to_hex(bare));
}

TEST(PublicPoint, IsOfEd25519AndNothingElse) {
  base::Bytes ed448(57, 0x5a);
  base::Bytes bit_string{0x03, 0x20};
  base::Bytes other_length{0x04, 0x1f};
  bit_string.resize(34);
  other_length.resize(34);
  base::Bytes followed{0x04, 0x20};
  followed.resize(35);
  for (const base::Bytes& value :
       {base::Bytes(), base::Bytes(31), base::Bytes(33), ed448, bit_string, other_length, followed})
    EXPECT_TRUE(read_public_point(value).error().is(TokenErrc::no_public_key)) << value.size();
}

}  // namespace
}  // namespace concordat::token
