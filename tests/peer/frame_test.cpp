#include "peer/frame.hpp"

#include <gtest/gtest.h>

#include "peer/error.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
constexpr AllowedFrames kHelloOnly{FrameType::hello};

TEST(FrameReader, ReassemblesFromSingleBytes) {
  const Bytes frame = make_frame(FrameType::hello, Bytes{1, 2, 3});
  FrameReader reader;
  for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
    reader.feed(base::BytesView(frame).subspan(i, 1));
    EXPECT_FALSE(reader.next(kHelloOnly).value().has_value());
    EXPECT_FALSE(reader.at_boundary());
  }
  reader.feed(base::BytesView(frame).last(1));
  const auto got = reader.next(kHelloOnly).value();
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(base::equal(got->whole, frame));
  EXPECT_TRUE(base::equal(got->body(), Bytes{1, 2, 3}));
  EXPECT_TRUE(reader.at_boundary());
}

TEST(FrameReader, TwoFramesInOneFeed) {
  Bytes both = make_frame(FrameType::hello, Bytes{1});
  base::append(both, make_frame(FrameType::refuse, Bytes{2}));
  FrameReader reader;
  reader.feed(both);
  EXPECT_EQ(reader.next(kHelloOnly).value()->body()[0], 1);
  EXPECT_EQ(reader.next(AllowedFrames(FrameType::refuse)).value()->body()[0], 2);
}

TEST(FrameReader, RefusesByTheFirstByteAndByTheHeader) {
  FrameReader wrong_type;
  wrong_type.feed(Bytes{0x02});
  EXPECT_TRUE(wrong_type.next(kHelloOnly).error().is(Errc::unexpected_message));
  EXPECT_TRUE(wrong_type.next(AllowedFrames(FrameType::reply)).error().is(Errc::unexpected_message))
      << "a dead reader stays dead";
  FrameReader unknown;
  unknown.feed(Bytes{0x7f});
  EXPECT_TRUE(unknown.next(kHelloOnly).error().is(Errc::unexpected_message));
  FrameReader large;
  large.feed(Bytes{0x01, 0xff, 0xff, 0xff});
  EXPECT_TRUE(large.next(kHelloOnly).error().is(Errc::frame_too_large));
  EXPECT_EQ(large.buffered(), 0u);
}

TEST(FrameLimits, EveryTypeHasOneAndOthersNone) {
  for (unsigned type = 0; type < 256; ++type) {
    const bool exists = (type >= 1 && type <= 5) || type == 0x10 || type == 0x11;
    EXPECT_EQ(max_body(static_cast<std::uint8_t>(type)).has_value(), exists) << type;
  }
}

}  // namespace
}  // namespace concordat::peer
