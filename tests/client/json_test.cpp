// JSON that carries secrets: read and written in guarded memory.
#include <gtest/gtest.h>

#include "attest/base/json_writer.hpp"
#include "attest/base/secret_access.hpp"
#include "client/json_fields.hpp"

namespace concordat::client {
namespace {

using base::SecretAccess;
using base::SecretBytes;

SecretBytes secret(std::string_view text) {
  std::string copy(text);
  return SecretBytes::take({reinterpret_cast<std::uint8_t*>(copy.data()), copy.size()});
}
std::string shown(const SecretBytes& bytes) {
  return std::string(base::as_text(bytes.expose(SecretAccess{})));
}
JsonFields parsed(std::string_view text) {
  auto fields = JsonFields::parse(secret(text));
  EXPECT_TRUE(fields) << fields.error().to_string();
  return *std::move(fields);
}
std::string refusal_of(std::string_view text) {
  const auto fields = JsonFields::parse(secret(text));
  EXPECT_FALSE(fields) << text;
  if (fields) return {};
  EXPECT_EQ(fields.error().code, "malformed_json") << text;
  return fields.error().message;
}

TEST(JsonFields, ReadMembersOfEveryKind) {
  const JsonFields fields = parsed(
      R"( {"name":"a/b","version":4294967295,"valid":true,"key":"AAEC/w==","none":null,"empty":""} )");
  EXPECT_EQ(fields.text("name").value(), "a/b");
  EXPECT_EQ(fields.number("version").value(), 4294967295U);
  EXPECT_TRUE(fields.flag("valid").value());
  EXPECT_EQ(shown(fields.secret("key").value()), std::string("\0\1\2\xff", 4));
  EXPECT_EQ(fields.bytes("key").value(), (base::Bytes{0, 1, 2, 255}));
  EXPECT_TRUE(fields.has("none"));
  EXPECT_TRUE(fields.bytes("empty").value().empty());
  EXPECT_FALSE(fields.has("missing"));
}

TEST(JsonFields, NameMembersInsideByDots) {
  const JsonFields fields = parsed(
      R"({"error":{"code":"not_granted","more":{"deep":1}},"list":[{"code":"x"},[2]],"after":"y"})");
  EXPECT_EQ(fields.text("error.code").value(), "not_granted");
  EXPECT_EQ(fields.number("error.more.deep").value(), 1U);
  EXPECT_EQ(fields.text("after").value(), "y");
  EXPECT_FALSE(fields.has("list.code"));
}

TEST(JsonFields, TellWhatIsWrongWithAMember) {
  const JsonFields fields = parsed(R"({"a":"!","b":1,"c":-1,"d":1.5,"e":"YQ","f":"YR=="})");
  EXPECT_EQ(fields.bytes("a").error().message, "a: is not base64");
  EXPECT_EQ(fields.secret("a").error().message, "a: is not base64");
  EXPECT_EQ(fields.text("b").error().message, "b: is not a string");
  EXPECT_EQ(fields.flag("b").error().message, "b: is not true or false");
  EXPECT_EQ(fields.number("c").error().message, "c: is not a whole number");
  EXPECT_FALSE(fields.number("d"));
  EXPECT_FALSE(fields.bytes("e")) << "without padding";
  EXPECT_FALSE(fields.bytes("f")) << "bits that stand for nothing";
  EXPECT_EQ(fields.secret("z").error().message, "z: is missing");
}

TEST(JsonFields, RefuseWhatIsNoObjectOrSaysAMemberTwice) {
  for (const char* text :
       {"", "{", "[]", "1", "\"a\"", "{}x", "{} {}", R"({"a":1,"a":2})", R"({"a":{"b":1,"b":2}})",
        R"({"a":1,})", "{'a':1}", "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}",
        R"({"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{}}}}}}}}})"}) {
    refusal_of(text);
  }
  std::string many = "{\"a0\":0";
  for (std::size_t i = 1; i <= kMaxJsonMembers; ++i)
    many += ",\"a" + std::to_string(i) + "\":0";
  refusal_of(many + "}");
}

TEST(JsonFields, TakeAsMuchAsTheirLimits) {
  std::string many = "{\"a0\":0";
  for (std::size_t i = 1; i < kMaxJsonMembers; ++i)
    many += ",\"a" + std::to_string(i) + "\":0";
  EXPECT_EQ(parsed(many + "}").number("a7").value(), 0U);
  refusal_of(many + ",\"b\":0}");
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 1; i < depth; ++i)
      text += "{\"a\":";
    return text + "{}" + std::string(depth - 1, '}');
  };
  parsed(nested(kMaxJsonDepth));
  refusal_of(nested(kMaxJsonDepth + 1));
}

TEST(JsonFields, UndoEscapesInPublicStringsOnly) {
  const JsonFields fields =
      parsed(R"({"message":"role \"x\" é","key":"AAE\u003d","card":"4\u0031"})");
  EXPECT_EQ(fields.text("message").value(), "role \"x\" é");
  EXPECT_EQ(fields.secret("key").error().message, "key: is written with escapes");
  EXPECT_EQ(fields.secret_text("card").error().message, "card: is written with escapes");
}

TEST(JsonFields, ReadWhatIsWritten) {
  base::JsonWriter writer;
  const std::string wild = "quote \" back \\ line \n bell \x07 é";
  writer.text("text", wild).number("n", 42).flag("yes", true).flag("no", false);
  writer.bytes("bytes", base::Bytes{1, 2, 3, 4}).bytes("nothing", base::BytesView());
  writer.text("card", secret("4111")).bytes("key", secret(std::string(100'000, 'k')));
  const SecretBytes text = std::move(writer).finish();
  const JsonFields fields = parsed(shown(text));
  EXPECT_EQ(fields.text("text").value(), wild);
  EXPECT_EQ(fields.number("n").value(), 42U);
  EXPECT_TRUE(fields.flag("yes").value());
  EXPECT_FALSE(fields.flag("no").value());
  EXPECT_EQ(fields.bytes("bytes").value(), (base::Bytes{1, 2, 3, 4}));
  EXPECT_TRUE(fields.bytes("nothing").value().empty());
  EXPECT_EQ(shown(fields.secret_text("card").value()), "4111");
  EXPECT_EQ(shown(fields.secret("key").value()), std::string(100'000, 'k'));
}

}  // namespace
}  // namespace concordat::client
