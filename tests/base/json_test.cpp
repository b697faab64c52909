#include "attest/base/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace concordat::base {
namespace {

Error parse_error(std::string_view text, unsigned max_depth = 32) {
  const auto parsed = parse_strict_json(text, max_depth);
  return parsed ? Error() : parsed.error();
}

TEST(StrictJson, RefusesARepeatedKeyAtAnyDepth) {
  EXPECT_TRUE(parse_error(R"({"a":1,"a":1})").is(JsonErrc::duplicate_key));
  EXPECT_TRUE(parse_error(R"([{"b":{"a":1,"c":2,"a":3}}])").is(JsonErrc::duplicate_key));
  EXPECT_TRUE(parse_strict_json(R"({"a":{"a":1},"b":{"a":1}})").has_value());
}

TEST(StrictJson, SaysWhereTheTextStopsBeingJson) {
  EXPECT_EQ(parse_error("{\n  \"a\": oops}").to_string(), "not JSON: line 2, column 8");
  EXPECT_TRUE(parse_error("{} {}").is(JsonErrc::malformed));
  EXPECT_TRUE(parse_error("{\"a\": 1, // no\n}").is(JsonErrc::malformed));
  EXPECT_TRUE(parse_error("\"\xff\"").is(JsonErrc::malformed));
  EXPECT_TRUE(parse_error("").is(JsonErrc::malformed));
  EXPECT_TRUE(parse_error("1e999").is(JsonErrc::malformed));
}

TEST(StrictJson, RefusesWhatItsLibraryPassesOver) {
  EXPECT_EQ(parse_error("\xef\xbb\xbf{}").to_string(),
            "not JSON: line 1, column 1: starts with a byte order mark; save it without");
  EXPECT_EQ(parse_error(std::string_view("{}\0", 3)).to_string(),
            "not JSON: line 1, column 3: a NUL byte");
  EXPECT_EQ(parse_error(std::string_view("{}\n\0{", 5)).to_string(),
            "not JSON: line 2, column 1: a NUL byte");
  EXPECT_TRUE(parse_strict_json("\"\xef\xbb\xbf\\u0000\"").has_value());
}

TEST(StrictJson, BoundsDepth) {
  EXPECT_TRUE(parse_strict_json("[[[]]]", 3).has_value());
  EXPECT_TRUE(parse_error("[[[[]]]]", 3).is(JsonErrc::too_deep));
  EXPECT_TRUE(
      parse_error(std::string(100000, '[') + std::string(100000, ']')).is(JsonErrc::too_deep));
}

TEST(JsonObject, ReadsWhatIsThereAndNamesWhatIsNot) {
  const auto value =
      parse_strict_json(R"({"t":"x","n":7,"b":true,"o":{"k":-1},"l":["p","q"]})").value();
  JsonObject object = JsonObject::from(value, "").value();
  EXPECT_EQ(object.get_text("t").value(), "x");
  EXPECT_EQ(object.get_uint("n", 1, 7).value(), 7u);
  EXPECT_TRUE(object.get_bool("b").value());
  EXPECT_EQ(object.get_texts("l").value(), (std::vector<std::string>{"p", "q"}));
  JsonObject inner = object.get_object("o").value();
  EXPECT_EQ(inner.get_uint("k", 0, 9).error().to_string(),
            "a value of another type is wanted: o.k: want a whole number");
  EXPECT_EQ(inner.get_text("absent").error().to_string(), "a key is missing: o.absent");
  EXPECT_EQ(object.get_uint("n", 8, 9).error().to_string(),
            "the value is not allowed: n: 7 is not between 8 and 9");
  EXPECT_TRUE(object.find_text("n").error().is(JsonErrc::wrong_type));
  EXPECT_FALSE(object.find_text("absent").value().has_value());
  EXPECT_EQ(object.uint_or("absent", 3, 1, 9).value(), 3u);
  EXPECT_TRUE(object.finish().has_value());
}

TEST(JsonObject, InsistsThatEveryKeyWasRead) {
  const auto value = parse_strict_json(R"({"known":1,"other":2})").value();
  JsonObject object = JsonObject::from(value, "file").value();
  ASSERT_TRUE(object.get("known").has_value());
  EXPECT_EQ(object.finish().error().to_string(), "unknown key: file.other");
  EXPECT_EQ(object.keys().size(), 2u);
  EXPECT_TRUE(object.finish().has_value());
  EXPECT_TRUE(JsonObject::from(value["known"], "file.known").error().is(JsonErrc::wrong_type));
}

}  // namespace
}  // namespace concordat::base
