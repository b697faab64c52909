#include "tests/aggregate/table_fixture.hpp"

namespace concordat::session::input {
namespace {

std::string json(std::string_view text, const std::vector<std::string>& columns = {"a", "b"}) {
  return said(read_everyhow(make_json_lines_reader, columns, text));
}

TEST(JsonLines, GivesTheMembersThatAreAskedFor) {
  EXPECT_EQ(json("{\"a\":1,\"b\":\"x\"}\r\n{\"b\":true,\"c\":[1,{\"a\":2}],\"a\":false}"),
            "[0=1 1=x][1=true 0=false]");
  EXPECT_EQ(json(" { \"c\" : {\"a\":\"\\u00e9\", \"b\":null} } \n{\"a\":null}\n"), "[][0=]");
  EXPECT_EQ(json(""), "");
}

TEST(JsonLines, NumbersAreTextAsTheyAreWritten) {
  for (const char* number : {"0", "-0", "12.340", "1e3", "-1.5E-07", "9223372036854775807",
                             "18446744073709551615", "123456789012345678901234567890",
                             "0.1000000000000000055511151231257827", "1e400", "-1e-400"}) {
    EXPECT_EQ(json("{\"a\":" + std::string(number) + "}\n"), "[0=" + std::string(number) + "]");
  }
}

TEST(JsonLines, EscapesAreUndone) {
  EXPECT_EQ(json(R"({"\u0061":"x\n\"y\u00e9\ud83d\ude00z","b":"\\"})"),
            "[0=x\n\"y\xc3\xa9\xf0\x9f\x98\x80z 1=\\]");
  const std::string many(3000, 'x');
  EXPECT_EQ(said(read(make_json_lines_reader, {"a"},
                      "{\"a\":\"\\u0078" + many + "\\u0078" + many + "\"}")),
            "[0=x" + many + "x" + many + "]");
}

TEST(JsonLines, WhatIsMalformedIsRefusedByItsPlace) {
  for (const char* line : {"",
                           "  ",
                           "[]",
                           "1",
                           "\"x\"",
                           "{",
                           "{\"a\":1",
                           "{\"a\":1}}",
                           "{\"a\":1} x",
                           "{\"a\":01}",
                           "{\"a\":+1}",
                           "{\"a\":.5}",
                           "{\"a\":NaN}",
                           "{\"a\":'1'}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "{\"a\":\"\xff\"}",
                           "\xef\xbb\xbf{}",
                           "{\"a\":\"\\ud800\"}",
                           "{} // x"}) {
    const auto result =
        read_everyhow(make_json_lines_reader, {"a"}, "{\"a\":1}\n" + std::string(line) + "\n");
    ASSERT_FALSE(result) << line;
    EXPECT_TRUE(result.error().is(Errc::malformed)) << line;
    EXPECT_TRUE(result.error().detail().starts_with("row 2: ")) << result.error().detail();
  }
  EXPECT_EQ(json("{\"a\":[1]}"),
            "the input is not in its format: row 1, column \"a\": an object or an array");
  EXPECT_EQ(json("{\"b\":{}}"),
            "the input is not in its format: row 1, column \"b\": an object or an array");
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  EXPECT_FALSE(read(make_json_lines_reader, {"a"}, "{\"c\":" + deep + "}"));
}

TEST(JsonLines, AMemberIsThereOnce) {
  const std::string bad = "a column that the parameters name is missing or there twice: ";
  EXPECT_EQ(json("{\"a\":1}\n{\"a\":1,\"b\":2,\"\\u0061\":1}"),
            bad + "row 2, column \"a\": there twice");
  EXPECT_EQ(json("{\"a\":null,\"a\":1}"), bad + "row 1, column \"a\": there twice");
  EXPECT_EQ(json("{\"c\":1,\"c\":2,\"a\":{}}"),
            "the input is not in its format: row 1, column \"a\": an object or an array");
}

TEST(JsonLines, AreBounded) {
  const auto line = [](std::size_t size) {
    return "{\"c\":\"" + std::string(size - 8, 'x') + "\"}";
  };
  EXPECT_TRUE(read(make_json_lines_reader, {"a"}, line(kLongestCell) + "\n"));
  const auto longer = read(make_json_lines_reader, {"a"}, "{}\n" + line(kLongestCell + 1));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().detail(), "line 2: more than 65536 bytes");
}

TEST(JsonLines, AnErrorOfWhoeverTakesTheRowsEndsIt) {
  EXPECT_EQ(json("{\"b\":\"refuse me\"}"),
            "a number beyond the bounds of the parameters: as asked");
}

}  // namespace
}  // namespace concordat::session::input
