// The strict reader: what it refuses, and that it says where.
#include "policy/located_json.hpp"

#include <gtest/gtest.h>

namespace concordat::policy::json {
namespace {

constexpr Bounds kBounds{1024, 4, 32};

std::string refusal(std::string_view text, const Bounds& bounds = kBounds) {
  const Parsed parsed = parse(text, bounds);
  if (parsed.root) return "accepted";
  return std::string(describe(parsed.why.code).name) + " " + std::to_string(parsed.why.line) + ":" +
         std::to_string(parsed.why.column);
}

TEST(LocatedJson, RefusesAndLocates) {
  const struct {
    std::string text;
    std::string refusal;
  } cases[] = {
      {"", "not_json 1:1"},
      {"  \n ", "not_json 2:2"},
      {"{}", "accepted"},
      {"{} {}", "not_json 1:4"},
      {"{\n  \"a\": oops}", "not_json 2:8"},
      {"{\"a\": 1,}", "not_json 1:9"},
      {"{\"a\": 1 // no\n}", "not_json 1:9"},
      {"[1, 2", "not_json 1:6"},
      {"\"\xff\"", "not_json 1:2"},
      {"\"\\ud800\"", "not_json 1:8"},
      {"[1e999]", "not_json 1:6"},
      {std::string("{}\0{}", 5), "not_json 1:3"},
      {"\xef\xbb\xbf{}", "not_json 1:1"},
      {R"({"a": 1, "b": 2, "a": 1})", "duplicate_key 1:18"},
      {"[{\n\"x\": {\"a\": 1, \"a\": 2}}]", "duplicate_key 2:15"},
      {R"({"a": 1, "\u0061": 1})", "duplicate_key 1:10"},
      {"[[[[]]]]", "accepted"},
      {"[[[[[]]]]]", "not_json 1:5"},
      {std::string(1025, ' '), "policy_too_large 1:1025"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(refusal(c.text), c.refusal) << c.text;
}

TEST(LocatedJson, BoundsTheNumberOfValues) {
  std::string text = "[0";
  for (int i = 1; i < 31; ++i)
    text += ",0";
  EXPECT_EQ(refusal(text + "]"), "accepted");
  EXPECT_EQ(refusal(text + ",0]"), "too_many 1:64");
}

TEST(LocatedJson, KeepsOrderKindsAndPlaces) {
  const std::string text =
      "{\"b\": [1, -2, 3.5, null ,true], \"a\" :{\"x\":\"\xc3\xa9\" , \"y\": 7}}";
  const Parsed parsed = parse(text, kBounds);
  ASSERT_TRUE(parsed.root);
  const Value& root = *parsed.root;
  ASSERT_EQ(root.members.size(), 2u);
  EXPECT_EQ(root.members[0].key, "b");
  const auto& items = root.members[0].value.items;
  ASSERT_EQ(items.size(), 5u);
  EXPECT_EQ(items[0].kind, Kind::integer);
  EXPECT_EQ(items[1].kind, Kind::other_number);
  EXPECT_EQ(items[2].kind, Kind::other_number);
  EXPECT_EQ(items[3].kind, Kind::null);
  EXPECT_EQ(items[4].kind, Kind::boolean);
  EXPECT_EQ(text.substr(items[1].offset, 2), "-2");
  EXPECT_EQ(text.substr(items[3].offset, 4), "null");
  EXPECT_EQ(text.substr(items[4].offset, 4), "true");
  const Value& a = root.members[1].value;
  EXPECT_EQ(text[a.offset], '{');
  EXPECT_EQ(text.substr(a.members[1].key_offset, 3), "\"y\"");
  EXPECT_EQ(a.members[1].value.integer, 7u);
}

TEST(LocatedJson, ResolvesPointersToLineAndColumn) {
  const std::string text = "{\n  \"a/b\": [\n    10,\n    {\"\xc3\xa9\": 1, \"k~\": 2}\n  ]\n}";
  const Parsed parsed = parse(text, kBounds);
  ASSERT_TRUE(parsed.root);
  const auto place = [&](std::string pointer) {
    Finding finding;
    finding.pointer = std::move(pointer);
    locate(text, *parsed.root, finding);
    return std::to_string(finding.line) + ":" + std::to_string(finding.column);
  };
  EXPECT_EQ(place(""), "1:1");
  EXPECT_EQ(place("/a~1b"), "2:3");
  EXPECT_EQ(place("/a~1b/0"), "3:5");
  EXPECT_EQ(place("/a~1b/1/k~0"), "4:14");  // columns count characters, not bytes
  EXPECT_EQ(place("/a~1b/1/absent"), "4:5");
  EXPECT_EQ(place("/a~1b/7"), "2:10");
}

TEST(Quote, CannotSpeakToATerminal) {
  EXPECT_EQ(quote("a\x1b[2J\"\n"), R"("a\x1b[2J\"\x0a")");
  EXPECT_EQ(quote(std::string(200, 'x')).size(), 96u + 5);
}

// A pointer is made of the file's own keys, of any length and content.
TEST(Finding, CannotSpeakToATerminal) {
  const Finding finding{
      Severity::error, PolicyErrc::unknown_key, "/a\x1b[2J\n\"\xc3\xa9", 1, 2, "x"};
  EXPECT_EQ(finding.to_string(), R"(1:2 /a\x1b[2J\x0a"\xc3\xa9: x)");
  const Finding endless{
      Severity::error, PolicyErrc::unknown_key, "/" + std::string(5000, 'k'), 0, 0, ""};
  EXPECT_LT(endless.to_string().size(), 600u);
}

}  // namespace
}  // namespace concordat::policy::json
