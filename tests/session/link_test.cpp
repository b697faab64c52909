#include "session/messaging/link.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"
#include "tests/session/message_samples.hpp"

namespace concordat::session::messaging {
namespace {

constexpr FrameLimits kLinkLimits{.parties = 3, .broadcast = 64, .letter = 64};

class SessionLink : public testing::Test {
 protected:
  SessionLink() {
    a.opened();
    b.opened();
  }
  static void say(Link& link, std::uint8_t content) {
    const Message message = Broadcast{1, {}, {content}};
    link.send(Kind::broadcast, std::make_shared<const Body>(encode(message)));
  }
  // What is new to `to` in the bytes; the error's name where they are refused.
  static std::string give(Link& to, base::BytesView bytes) {
    std::string out;
    while (true) {
      auto frame = to.receive(bytes);
      if (!frame) return std::string(frame.error().name());
      if (!*frame) return out;
      const auto message = decode((*frame)->kind, (*frame)->body, 3).value();
      out += static_cast<char>(std::get<Broadcast>(message).body.front());
    }
  }
  static base::Bytes taken(Link& from, std::size_t most = kMaxPiece) {
    return base::to_bytes(from.take(most).expose(base::SecretAccess{}));
  }
  static base::Bytes header(Kind kind, std::uint64_t number) {
    const auto out = frame_header(kind, number, 0);
    return {out.begin(), out.end()};
  }

  Link a{kLinkLimits};
  Link b{kLinkLimits};
};

TEST_F(SessionLink, CarriesInOrderAndForgetsWhatHasArrived) {
  for (const char c : {'x', 'y', 'z'})
    say(a, static_cast<std::uint8_t>(c));
  EXPECT_EQ(a.unacknowledged(), 3U);
  EXPECT_EQ(give(b, taken(a)), "xyz");
  EXPECT_EQ(give(a, taken(b)), "");
  EXPECT_EQ(a.unacknowledged(), 0U);
  EXPECT_EQ(a.held(), 0U);
  EXPECT_TRUE(a.is_settled());
  EXPECT_TRUE(b.is_settled());
}

// Wherever the first channel broke, and whatever of it arrived.
TEST_F(SessionLink, NothingIsLostOrDoubledByABreak) {
  for (std::size_t cut = 0; cut < 400; ++cut) {
    Link from(kLinkLimits);
    Link to(kLinkLimits);
    from.opened();
    to.opened();
    for (const char c : {'x', 'y', 'z'})
      say(from, static_cast<std::uint8_t>(c));
    std::string all = give(to, taken(from, cut));
    if (cut % 2 == 0) {
      EXPECT_EQ(give(from, taken(to)), "");
    }
    from.lost();
    to.lost();
    EXPECT_TRUE(taken(from).empty());
    from.opened();
    to.opened();
    if (cut % 3 == 0) {
      EXPECT_EQ(give(from, taken(to)), "");
    }
    all += give(to, taken(from));
    EXPECT_EQ(all, "xyz") << cut;
  }
}

TEST_F(SessionLink, RepetitionOnOneChannelIsRefused) {
  say(a, 'x');
  const base::Bytes once = taken(a);
  EXPECT_EQ(give(b, once), "x");
  EXPECT_EQ(give(b, base::BytesView(once).subspan(kFrameHeaderSize)), "unexpected_number");
}

TEST_F(SessionLink, AGapIsRefused) {
  say(a, 'x');
  say(a, 'y');
  const base::Bytes both = taken(a);
  const std::size_t one = (both.size() - kFrameHeaderSize) / 2;
  EXPECT_EQ(give(b, base::BytesView(both).subspan(kFrameHeaderSize + one)), "unexpected_number");
}

TEST_F(SessionLink, AcknowledgementsOnlyGrowAndOnlyOfWhatWasSent) {
  say(a, 'x');
  say(a, 'y');
  EXPECT_EQ(give(a, header(Kind::acknowledgement, 2)), "unexpected_acknowledgement");
  EXPECT_FALSE(taken(a).empty());
  EXPECT_EQ(give(a, header(Kind::acknowledgement, 2)), "");
  EXPECT_EQ(give(a, header(Kind::acknowledgement, 2)), "unexpected_acknowledgement");
  EXPECT_EQ(give(a, header(Kind::acknowledgement, 4)), "unexpected_acknowledgement");
  EXPECT_EQ(give(a, header(Kind::acknowledgement, 3)), "");
  a.opened();  // a peer that begins anew does not know what it had
  EXPECT_EQ(give(a, header(Kind::acknowledgement, 1)), "unexpected_acknowledgement");
}

}  // namespace
}  // namespace concordat::session::messaging
