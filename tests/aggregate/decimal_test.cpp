#include "session/input/decimal.hpp"

#include <gtest/gtest.h>

#include <random>

#include "session/input/errc.hpp"

namespace concordat::session::input {
namespace {

TEST(Decimal, IsExact) {
  const std::tuple<const char*, unsigned, std::int64_t> cases[] = {
      {"0", 0, 0},
      {"-0", 2, 0},
      {"0.00", 2, 0},
      {"000", 0, 0},
      {"0e999999999999", 2, 0},
      {"12.5", 2, 1250},
      {"-12.50", 2, -1250},
      {"+.5", 1, 5},
      {"5.", 1, 50},
      {"007", 0, 7},
      {"1e3", 0, 1000},
      {"1.25E+2", 0, 125},
      {"1250e-3", 2, 125},
      {"1500000e-5", 0, 15},
      {"0.1000000000000000000000000000", 1, 1},
      {"0.07", 18, 70'000'000'000'000'000},
      {"9223372036854775807", 0, INT64_MAX},
      {"-9223372036854775807", 0, -INT64_MAX},
      {"9.223372036854775807", 18, INT64_MAX},
      {"100000000000000000000e-20", 0, 1},
      {"0.29", 2, 29},
      {"1.005", 3, 1005},
      {"8.2", 18, 8'200'000'000'000'000'000},
  };
  for (const auto& [text, decimals, value] : cases) {
    const auto parsed = parse_decimal(text, decimals);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().to_string();
    EXPECT_EQ(*parsed, value) << text;
  }
}

TEST(Decimal, WhatIsNoneIsRefused) {
  for (const char* text :
       {"",   "-",  "+",   ".",    "-.",  "e5",  ".e5", "1e",  "1e+", "1e5x",  "1e1.5",    "1.2.3",
        " 1", "1 ", "1,5", "0x10", "NaN", "inf", "--1", "+-1", "1-",  "1_000", "\xd9\xa1", "1\n"}) {
    const auto parsed = parse_decimal(text, 2);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().is(Errc::bad_number)) << text;
    EXPECT_EQ(parsed.error().detail(), "not a decimal number");
  }
  EXPECT_FALSE(parse_decimal(std::string_view("1\0", 2), 2));
}

TEST(Decimal, MoreDecimalsThanAllowedAreRefusedNeverRounded) {
  for (const auto& [text, decimals] : {std::pair{"0.001", 2u},
                                       {"1.5", 0u},
                                       {"1e-3", 2u},
                                       {"123456789012345678901.5", 0u},
                                       {"0.30000000000000004", 16u},
                                       {"1e-99999999999999999999", 18u}}) {
    const auto parsed = parse_decimal(text, decimals);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().to_string(),
              base::Error(Errc::bad_number, "more than " + std::to_string(decimals) + " decimals")
                  .to_string());
  }
}

TEST(Decimal, TooLargeIsRefusedNeverWrapped) {
  for (const auto& [text, decimals] :
       {std::pair{"9223372036854775808", 0u},
        {"-9223372036854775808", 0u},
        {"9.3", 18u},
        {"18446744073709551617", 0u},
        {"36893488147419103233", 0u},
        {"1e19", 0u},
        {"1e18446744073709551616", 0u},
        {"922337203685477580.71e1", 2u},
        {"1000000000000000000000000000000000000000000000000000000000000", 0u}}) {
    const auto parsed = parse_decimal(text, decimals);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().is(Errc::out_of_range)) << text << parsed.error().to_string();
  }
}

TEST(Decimal, ReadsBackWhatItWrites) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const auto decimals = static_cast<unsigned>(random() % (kMostDecimals + 1));
    auto value = static_cast<std::int64_t>(random() >> (random() % 64));
    if (value == INT64_MIN) ++value;
    const std::string text = format_decimal(value, decimals);
    EXPECT_EQ(parse_decimal(text, decimals).value(), value) << text;
  }
  EXPECT_EQ(format_decimal(-5, 2), "-0.05");
  EXPECT_EQ(format_decimal(1250, 2), "12.50");
  EXPECT_EQ(format_decimal(0, 0), "0");
  EXPECT_EQ(format_decimal(INT64_MIN, 18), "-9.223372036854775808");
}

}  // namespace
}  // namespace concordat::session::input
