// JSON that carries secrets: read and written in guarded memory.
#include "attest/base/secret_json.hpp"

#include <gtest/gtest.h>

#include "attest/base/json_writer.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

SecretJsonReader parsed(std::string_view text) {
  auto reader = SecretJsonReader::parse(as_bytes(text));
  EXPECT_TRUE(reader) << text;
  return *std::move(reader);
}
Error refusal_of(std::string_view text) {
  auto reader = SecretJsonReader::parse(as_bytes(text));
  EXPECT_FALSE(reader) << text;
  return reader ? Error() : reader.error();
}
std::string shown(const SecretBytes& bytes) {
  return std::string(as_text(bytes.expose(SecretAccess{})));
}

TEST(SecretJson, ReadsStringsAndNumbers) {
  auto reader = parsed(R"( {"plaintext":"AAEC/w==","size":32, "key":"a/b","empty":""} )");
  EXPECT_EQ(shown(reader.secret("plaintext").value()), std::string("\0\1\2\xff", 4));
  EXPECT_EQ(reader.bytes("plaintext").value(), (Bytes{0, 1, 2, 255}));
  EXPECT_EQ(reader.number("size", 32).value(), 32u);
  EXPECT_EQ(reader.text("key").value(), "a/b");
  EXPECT_TRUE(reader.has("empty"));
  EXPECT_FALSE(reader.has("other"));
  EXPECT_TRUE(reader.finish().error().is(JsonErrc::unknown_key)) << "one was not asked for";
  EXPECT_NE(reader.finish().error().to_string().find("\"empty\""), std::string::npos);
  EXPECT_TRUE(reader.bytes("empty").value().empty());
  EXPECT_TRUE(reader.finish());
  auto nothing = parsed("{}");
  EXPECT_TRUE(nothing.finish());
}

TEST(SecretJson, RefusesByName) {
  auto reader = parsed(R"({"a":"!","b":1,"c":"YQ","d":"YR==","e":"Y Q="})");
  for (const char* name : {"a", "c", "d", "e"}) {
    EXPECT_TRUE(reader.secret(name).error().is(JsonErrc::bad_value)) << name;
    EXPECT_TRUE(reader.bytes(name).error().is(JsonErrc::bad_value)) << name;
  }
  EXPECT_TRUE(reader.secret("b").error().is(JsonErrc::wrong_type));
  EXPECT_TRUE(reader.number("a", 1).error().is(JsonErrc::wrong_type));
  EXPECT_TRUE(reader.number("b", 0).error().is(JsonErrc::bad_value));
  EXPECT_TRUE(reader.secret("z").error().is(JsonErrc::missing_key));
  const Error twice = refusal_of(R"({"a":"","a":""})");
  EXPECT_TRUE(twice.is(JsonErrc::duplicate_key));
  EXPECT_NE(twice.to_string().find("\"a\""), std::string::npos);
}

TEST(SecretJson, RefusesWhatIsNoFlatObject) {
  for (const char* text :
       {"", "{", "{}x", "{} {}", R"({"a":1,})", "{'a':1}", "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}",
        "{\"a\":\"b", "{\"a\"}", R"({"a":18446744073709551616})", "// c\n{}"}) {
    const Error refusal = refusal_of(text);
    EXPECT_TRUE(refusal.is(JsonErrc::malformed) || refusal.is(JsonErrc::wrong_type)) << text;
  }
  for (const char* text : {"[]", "1", "\"a\"", "null", "true", R"({"a":{}})", R"({"a":[]})",
                           R"({"a":null})", R"({"a":true})", R"({"a":-1})", R"({"a":1.5})"}) {
    EXPECT_TRUE(refusal_of(text).is(JsonErrc::wrong_type)) << text;
  }
  std::string many = "{\"a\":0";
  for (std::size_t i = 1; i <= kMaxSecretJsonMembers; ++i)
    many += ",\"a" + std::to_string(i) + "\":0";
  EXPECT_TRUE(refusal_of(many + "}").is(JsonErrc::bad_value));
}

TEST(SecretJson, RefusesEscapesBeforeItParses) {
  for (const char* text : {R"({"a":"YQ\u003d\u003d"})", R"({"a":"a\/b"})", R"({"\u0061":"YQ=="})"})
    EXPECT_NE(refusal_of(text).to_string().find("backslash"), std::string::npos) << text;
}

TEST(JsonWriter, WritesWhatIsReadBack) {
  JsonWriter writer;
  writer.text("name", "payments/a").number("version", 4294967295u);
  writer.bytes("public", Bytes{1, 2, 3, 4}).bytes("nothing", BytesView());
  SecretBytes large = SecretBytes::random(100'000);
  writer.bytes("key", large);
  const SecretBytes text = std::move(writer).finish();
  auto reader = SecretJsonReader::parse(text.expose(SecretAccess{})).value();
  EXPECT_EQ(reader.text("name").value(), "payments/a");
  EXPECT_EQ(reader.number("version", 4294967295u).value(), 4294967295u);
  EXPECT_EQ(reader.bytes("public").value(), (Bytes{1, 2, 3, 4}));
  EXPECT_TRUE(reader.bytes("nothing").value().empty());
  EXPECT_TRUE(reader.secret("key").value() == large);
  EXPECT_TRUE(reader.finish());
}

TEST(JsonWriter, WritesTextsWithEscapes) {
  JsonWriter writer;
  writer.text("pem", "-----BEGIN-----\nYQ==\n").flag("valid", true);
  EXPECT_EQ(shown(std::move(writer).finish()),
            "{\"pem\":\"-----BEGIN-----\\u000aYQ==\\u000a\",\"valid\":true}\n");
}

TEST(JsonWriter, OfNothingIsAnEmptyObject) {
  EXPECT_EQ(shown(std::move(JsonWriter()).finish()), "{}\n");
}

}  // namespace
}  // namespace concordat::base
