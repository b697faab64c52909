#include "attest/base/cbor.hpp"

#include <gtest/gtest.h>

namespace concordat::base::cbor {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

TEST(CborReader, ReadsWhatTheWriterWrites) {
  Writer writer;
  writer.map(2).text("a").uint(500).integer(-36).bytes(Bytes{1, 2});
  Reader reader(writer.view());
  EXPECT_EQ(reader.read_map(2).value(), 2u);
  EXPECT_EQ(reader.read_text(8).value(), "a");
  EXPECT_EQ(reader.read_uint().value(), 500u);
  EXPECT_EQ(reader.read_int().value(), -36);
  EXPECT_TRUE(equal(reader.read_bytes(2).value(), Bytes{1, 2}));
  EXPECT_TRUE(reader.finish());
}

TEST(CborReader, RefusesLongHeadsUnlessTold) {
  const Bytes long_head = hex("1900ff");
  EXPECT_TRUE(Reader(long_head).read_uint().error().is(Errc::not_preferred));
  EXPECT_EQ(Reader(long_head, Encoding::any).read_uint().value(), 255u);
}

TEST(CborReader, NamesTypeSizeAndOffset) {
  const Bytes text = hex("6161");
  EXPECT_EQ(Reader(text).read_uint().error().to_string(),
            "CBOR item of another type: unsigned integer expected at byte 0");
  const Bytes bytes = hex("43010203");
  EXPECT_TRUE(Reader(bytes).read_bytes(2).error().is(Errc::too_large));
}

TEST(CborReader, HugeClaimsCostNothing) {
  EXPECT_TRUE(Reader(hex("9b7fffffffffffffff")).read_array(4).error().is(Errc::too_large));
  EXPECT_TRUE(Reader(hex("5b7fffffffffffffff00")).read_bytes(4).error().is(Errc::truncated));
  EXPECT_TRUE(Reader(hex("bb7fffffffffffffff")).skip(4).error().is(Errc::truncated));
}

TEST(CborReader, EveryPrefixOfAnItemIsTruncated) {
  Writer writer;
  writer.map(1).text("key").array(2).uint(70000).bytes(Bytes(300, 7));
  const BytesView whole = writer.view();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_TRUE(Reader(whole.first(n)).skip(4).error().is(Errc::truncated)) << n;
  }
  EXPECT_TRUE(Reader(whole).skip(4));
}

TEST(CborReader, SkipBoundsDepthAndChecksBreaks) {
  EXPECT_TRUE(Reader(Bytes(5000, 0x81)).skip(16).error().is(Errc::too_deep));
  EXPECT_TRUE(Reader(hex("bf6161f6ff")).skip(2));
  EXPECT_TRUE(Reader(hex("82ff00")).skip(2).error().is(Errc::malformed));
}

TEST(CborReader, RefusesChunkedStringsAndBadUtf8) {
  EXPECT_TRUE(Reader(hex("5f4101ff")).read_bytes(9).error().is(Errc::not_preferred));
  EXPECT_TRUE(Reader(hex("62c328")).read_text(9).error().is(Errc::not_utf8));
  EXPECT_TRUE(Reader(hex("63eda080")).read_text(9).error().is(Errc::not_utf8));
  EXPECT_EQ(Reader(hex("62c3a9")).read_text(9).value(), "\xc3\xa9");
}

TEST(CborReader, ReadsTagsOfEveryHeadLength) {
  for (const std::uint64_t tag : {0u, 6u, 18u, 23u, 24u, 255u, 70000u}) {
    Writer writer;
    writer.tag(tag).uint(1);
    Reader reader(writer.view());
    EXPECT_EQ(reader.read_tag().value(), tag);
    EXPECT_EQ(reader.read_uint().value(), 1u);
  }
}

Result<std::size_t> count_entries(BytesView map, std::size_t max) {
  Reader reader(map);
  std::size_t entries = 0;
  CONCORDAT_CHECK(for_each_entry(
      reader, max, [](Reader& r) { return r.read_uint(); },
      [&](std::uint64_t) -> Status {
        ++entries;
        return reader.read_null();
      }));
  CONCORDAT_CHECK(reader.finish());
  return entries;
}

TEST(CborForEachEntry, TakesBothMapFormsAndBoundsBoth) {
  EXPECT_EQ(count_entries(hex("a201f602f6"), 2).value(), 2u);
  EXPECT_EQ(count_entries(hex("bf01f602f6ff"), 2).value(), 2u);
  EXPECT_TRUE(count_entries(hex("bf01f602f6ff"), 1).error().is(Errc::too_large));
  EXPECT_TRUE(count_entries(hex("a201f602f6"), 1).error().is(Errc::too_large));
  EXPECT_TRUE(count_entries(hex("bf01f6"), 2).error().is(Errc::truncated));
}

}  // namespace
}  // namespace concordat::base::cbor
