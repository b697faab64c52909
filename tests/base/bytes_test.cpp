#include "attest/base/bytes.hpp"

#include <gtest/gtest.h>

namespace concordat::base {
namespace {

TEST(Hex, RoundTripsAndTakesBothCases) {
  const Bytes bytes{0x00, 0xab, 0xff};
  EXPECT_EQ(to_hex(bytes), "00abff");
  EXPECT_EQ(from_hex("00ABff").value(), bytes);
  EXPECT_TRUE(from_hex("").value().empty());
}

TEST(Hex, RefusesOddLengthAndOtherCharactersWithPosition) {
  EXPECT_TRUE(from_hex("abc").error().is(EncodingErrc::bad_hex));
  EXPECT_EQ(from_hex("ab0g").error().to_string(), "not hexadecimal: at character 3");
}

TEST(Base64, RoundTripsEveryPadding) {
  for (const std::string_view text : {"", "a", "ab", "abc", "abcd"}) {
    EXPECT_EQ(from_base64(to_base64(as_bytes(text))).value(), to_bytes(as_bytes(text)));
  }
}

TEST(Base64, IgnoresWhiteSpaceAndRefusesTheRest) {
  EXPECT_EQ(as_text(from_base64("YWJj\nZA==\n").value()), "abcd");
  EXPECT_TRUE(from_base64("YW*j").error().is(EncodingErrc::bad_base64));
  EXPECT_TRUE(from_base64("YWJjZA").error().is(EncodingErrc::bad_base64));
}

TEST(FixedBytes, RefusesOtherLengths) {
  EXPECT_EQ(Sha256Digest::from(Bytes(31)).error().to_string(),
            "wrong length: want 32 bytes, got 31");
  EXPECT_TRUE(Sha256Digest::from(Bytes(32)).value().is_zero());
}

TEST(EqualConstantTime, ComparesContentsAndLengths) {
  EXPECT_TRUE(equal_constant_time(Bytes{1, 2}, Bytes{1, 2}));
  EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1, 3}));
  EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1}));
}

}  // namespace
}  // namespace concordat::base
