#include "attest/base/sharing/scalar.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"

namespace concordat::base::sharing {
namespace {

SecretBytes little_endian(std::string_view big_endian_hex) {
  Bytes bytes = from_hex(big_endian_hex).value();
  std::ranges::reverse(bytes);
  return SecretBytes::take(bytes);
}
constexpr std::string_view kOrder =
    "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

TEST(Scalar, TakesTheOneEncodingAlone) {
  EXPECT_TRUE(Scalar::from_bytes(little_endian(std::string(64, '0'))));
  EXPECT_TRUE(Scalar::from_bytes(
      little_endian("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ec")));
  for (const auto& refused :
       {kOrder,
        std::string_view("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ee"),
        std::string_view("8000000000000000000000000000000000000000000000000000000000000001"),
        std::string_view("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")}) {
    const auto scalar = Scalar::from_bytes(little_endian(refused));
    ASSERT_FALSE(scalar) << refused;
    EXPECT_TRUE(scalar.error().is(Errc::not_canonical));
  }
  for (const std::size_t size : {0, 31, 33, 64})
    EXPECT_FALSE(Scalar::from_bytes(SecretBytes::zeroed(size))) << size;
}

TEST(Scalar, LongerNumbersAreReduced) {
  const auto wide = [](std::string_view big_endian_hex) {
    return Scalar::reduced(little_endian(std::string(64, '0') + std::string(big_endian_hex)));
  };
  EXPECT_TRUE(wide(kOrder).is_zero());
  EXPECT_EQ(wide(std::string(60, '0') + "abcd"), Scalar::from_number(0xabcd));
  // 2^256 is the square of 2^128.
  Scalar power = Scalar::from_number(1u << 31);
  power *= Scalar::from_number(2);
  power *= power;
  power *= power;
  power *= power;
  EXPECT_EQ(Scalar::reduced(little_endian(std::string(63, '0') + "1" + std::string(64, '0'))),
            power);
  EXPECT_THROW((void)Scalar::reduced(SecretBytes::zeroed(32)), std::logic_error);
}

TEST(Scalar, IsAField) {
  Scalar minus_one = Scalar::from_number(0);
  minus_one -= Scalar::from_number(1);
  EXPECT_EQ(minus_one, Scalar::from_bytes(little_endian("1000000000000000000000000000000014def9dea"
                                                        "2f79cd65812631a5cf5d3ec"))
                           .value());
  minus_one += Scalar::from_number(1);
  EXPECT_TRUE(minus_one.is_zero());
  Scalar product = Scalar::from_number(65537);
  product *= Scalar::from_number(40503);
  EXPECT_EQ(product, Scalar::from_number(65537u * 40503u));
  for (int i = 0; i < 50; ++i) {
    const Scalar scalar = Scalar::random();
    Scalar one = scalar.inverse();
    one *= scalar;
    EXPECT_EQ(one, Scalar::from_number(1));
  }
  EXPECT_THROW((void)Scalar::from_number(0).inverse(), std::logic_error);
}

}  // namespace
}  // namespace concordat::base::sharing
