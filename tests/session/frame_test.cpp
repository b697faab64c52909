#include "session/messaging/frame.hpp"

#include <gtest/gtest.h>

#include <random>

#include "session/messaging/error.hpp"
#include "tests/session/message_samples.hpp"

namespace concordat::session::messaging {
namespace {

constexpr FrameLimits kLimits{.parties = test::kSampleParties, .broadcast = 64, .letter = 64};

base::Bytes framed(const Message& message, std::uint64_t number) {
  const Body body = encode(message);
  const auto header = frame_header(kind_of(message), number, body.size());
  base::Bytes out(header.begin(), header.end());
  base::append(out, body.view());
  return out;
}

TEST(SessionFrames, ArePutTogetherFromPiecesOfAnySize) {
  std::mt19937 random(1);
  for (int turn = 0; turn < 50; ++turn) {
    base::Bytes stream;
    std::uint64_t number = 0;
    for (const Message& message : test::sample_messages())
      base::append(stream, framed(message, ++number));
    FrameReader reader(kLimits);
    std::uint64_t got = 0;
    base::BytesView rest(stream);
    while (!rest.empty()) {
      base::BytesView piece = rest.first(std::min<std::size_t>(rest.size(), random() % 40));
      rest = rest.subspan(piece.size());
      while (true) {
        auto frame = reader.take(piece);
        ASSERT_TRUE(frame) << frame.error().to_string();
        if (!*frame) break;
        EXPECT_EQ((*frame)->number, ++got);
        EXPECT_TRUE(decode((*frame)->kind, (*frame)->body, test::kSampleParties));
      }
    }
    EXPECT_EQ(got, number);
    EXPECT_EQ(reader.held(), 0U);
  }
}

TEST(SessionFrames, NothingIsTakenOfWhatIsTooLarge) {
  for (const Kind kind : {Kind::acknowledgement, Kind::broadcast, Kind::letter, Kind::echo,
                          Kind::confirmation, Kind::blame, Kind::farewell}) {
    const std::size_t most = *kLimits.of(static_cast<std::uint8_t>(kind));
    EXPECT_LE(most, kLimits.largest());
    for (const std::size_t length : {most + 1, std::size_t{0xFFFFFFFF}}) {
      FrameReader reader(kLimits);
      const auto header = frame_header(kind, 1, length);
      base::BytesView piece(header);
      const auto frame = reader.take(piece);
      ASSERT_FALSE(frame);
      EXPECT_TRUE(frame.error().is(Errc::too_large));
      EXPECT_EQ(reader.held(), 0U);
    }
  }
}

TEST(SessionFrames, AnUnknownKindIsMalformed) {
  for (const int kind : {0, 8, 255}) {
    FrameReader reader(kLimits);
    const auto header = frame_header(static_cast<Kind>(kind), 1, 0);
    base::BytesView piece(header);
    const auto frame = reader.take(piece);
    ASSERT_FALSE(frame);
    EXPECT_TRUE(frame.error().is(Errc::malformed));
  }
}

TEST(SessionFrames, WhatIsClaimedIsNotHeld) {
  FrameReader reader({.parties = 3, .broadcast = kMaxContent, .letter = 0});
  base::Bytes stream(kFrameHeaderSize + 10);
  std::ranges::copy(frame_header(Kind::broadcast, 1, kMaxContent), stream.begin());
  base::BytesView piece(stream);
  ASSERT_TRUE(reader.take(piece));
  EXPECT_EQ(reader.held(), 10U);
}

// The largest that an honest party sends is within what others take.
TEST(SessionFrames, EveryHonestMessageFits) {
  const std::size_t n = kMaxParties;
  const FrameLimits limits{.parties = n, .broadcast = 1000, .letter = 1000};
  const base::Bytes content(1000);
  const Round late = 0xFFFFFFFF;
  base::Bytes copy = content;
  std::vector<Message> largest;
  largest.emplace_back(Broadcast{late, {}, content});
  largest.emplace_back(Letter{late, {}, base::SecretBytes::take(copy)});
  largest.emplace_back(Echo{late, std::vector<Seen>(n), {}});
  largest.emplace_back(Confirmation{});
  largest.emplace_back(Blame{Equivocation{late, late, {}, {}}});
  largest.emplace_back(Blame{BadBroadcast{late, late, late, content, {}, {}}});
  largest.emplace_back(
      Blame{BadLetter{late, late, late, content, {}, {}, std::vector<Signature>(n), {}}});
  largest.emplace_back(Farewell{Reason::failed, late, late});
  for (const Message& message : largest)
    EXPECT_LE(encode(message).size(), *limits.of(static_cast<std::uint8_t>(kind_of(message))));
}

}  // namespace
}  // namespace concordat::session::messaging
