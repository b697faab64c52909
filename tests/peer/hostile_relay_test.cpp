// fail_each_step over the whole handshake: the relay does each of its tricks to each message in
// turn. Whatever it does, nobody is admitted who should not be, nobody releases anything, and what
// the two sides had sealed stays unreadable.
#include <gtest/gtest.h>

#include "peer/error.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using test::TestEnclave;
using test::TestWorld;

// hello, reply, confirm, accept.
constexpr std::size_t kMessages = 4;

class HostileRelay : public testing::Test {
 protected:
  // A handshake in which `trick` is played on message `number`.
  using Trick = std::function<std::vector<Bytes>(Bytes)>;
  std::unique_ptr<Dialogue> run(std::size_t number, Trick trick) {
    auto d = std::make_unique<Dialogue>(world_, worker_, custodian_);
    d->relay = [number, trick = std::move(trick)](Towards, std::size_t n, Bytes frame) {
      return n == number ? trick(std::move(frame)) : Frames{std::move(frame)};
    };
    d->run();
    return d;
  }

  // The side that `number` was meant for: 0 and 2 go to the responder.
  static Towards receiver(std::size_t number) {
    return number % 2 == 0 ? Towards::responder : Towards::initiator;
  }
  static const Handshake& machine(Dialogue& d, Towards side) {
    return side == Towards::initiator ? static_cast<const Handshake&>(d.initiator())
                                      : static_cast<const Handshake&>(d.responder());
  }
  // The receiver of a spoilt message never gets to a channel.
  static void expect_not_established(Dialogue& d, Towards side, const std::string& what) {
    EXPECT_NE(machine(d, side).state(), HandshakeState::established) << what;
    EXPECT_FALSE(d.both_established()) << what;
  }

  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
};

TEST_F(HostileRelay, AnyFlippedBitInAnyMessageEndsTheHandshake) {
  for (std::size_t message = 0; message < kMessages; ++message) {
    const std::size_t size =
        run(message, [](Bytes f) { return Frames{std::move(f)}; })->frames()[message].size();
    // Densely over the first 200 bytes, where all heads and clear fields are; sparsely after.
    for (std::size_t bit = 0; bit < size * 8; bit += bit < 1600 ? 13 : 397) {
      auto d = run(message, [bit](Bytes frame) {
        frame[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        return Frames{std::move(frame)};
      });
      // A flipped hello reaches the responder as a good one of another key or challenge: then the
      // initiator, whose transcript differs, is the one to end it.
      EXPECT_FALSE(d->both_established()) << "message " << message << " bit " << bit;
      expect_not_established(*d, message == 0 ? Towards::initiator : receiver(message),
                             "message " + std::to_string(message) + " bit " + std::to_string(bit));
    }
  }
}

TEST_F(HostileRelay, ADroppedMessageLeavesItsReceiverWaiting) {
  for (std::size_t message = 0; message < kMessages; ++message) {
    auto d = run(message, [](Bytes) { return Frames(); });
    expect_not_established(*d, receiver(message), "dropped " + std::to_string(message));
  }
}

TEST_F(HostileRelay, ATruncatedMessageIsNeverTakenForAWholeOne) {
  for (std::size_t message = 0; message < kMessages; ++message) {
    for (const std::size_t keep :
         {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{60}}) {
      auto d = run(message, [keep](Bytes frame) {
        frame.resize(std::min(keep, frame.size() - 1));
        return Frames{std::move(frame)};
      });
      expect_not_established(*d, receiver(message), "kept " + std::to_string(keep));
    }
  }
}

TEST_F(HostileRelay, AMessageSentTwiceEndsTheHandshakeOrIsRefusedAsARecord) {
  for (std::size_t message = 0; message + 1 < kMessages; ++message) {
    auto d = run(message, [](const Bytes& frame) { return Frames{frame, frame}; });
    // The second copy arrives in a state that does not let its type in.
    const auto& error =
        receiver(message) == Towards::responder ? d->responder_error() : d->initiator_error();
    ASSERT_TRUE(error) << message;
    EXPECT_TRUE(error->is(Errc::unexpected_message)) << error->to_string();
  }
}

TEST_F(HostileRelay, AReflectedMessageIsRefused) {
  for (std::size_t message = 0; message < kMessages; ++message) {
    std::unique_ptr<Dialogue> d = std::make_unique<Dialogue>(world_, worker_, custodian_);
    Bytes own;
    // What a side receives is what it sent last.
    d->relay = [&, message](Towards to, std::size_t n, Bytes frame) {
      if (n + 1 == message) own = frame;
      return Frames{n == message && !own.empty() && to == receiver(message) ? own
                                                                            : std::move(frame)};
    };
    d->run();
    if (message > 0) expect_not_established(*d, receiver(message), "reflected");
  }
}

TEST_F(HostileRelay, MessagesOfAnotherHandshakeAreRefused) {
  Dialogue recorded(world_, worker_, custodian_);
  recorded.run();
  ASSERT_TRUE(recorded.both_established());
  for (std::size_t message = 1; message < kMessages; ++message) {
    auto d = run(message, [&](const Bytes&) { return Frames{recorded.frames()[message]}; });
    expect_not_established(*d, receiver(message), "replayed " + std::to_string(message));
  }
  // An old hello gets an answer, as any stranger's would; nobody holds its key, so it ends there.
  auto d = run(0, [&](const Bytes&) { return Frames{recorded.frames()[0]}; });
  EXPECT_FALSE(d->both_established());
}

TEST_F(HostileRelay, SwappedMessagesAreRefused) {
  Dialogue recorded(world_, worker_, custodian_);
  recorded.run();
  for (std::size_t message = 0; message < kMessages; ++message) {
    for (std::size_t instead = 0; instead < kMessages; ++instead) {
      if (instead == message) continue;
      auto d = run(message, [&](const Bytes&) { return Frames{recorded.frames()[instead]}; });
      EXPECT_FALSE(d->both_established()) << message << " by " << instead;
    }
  }
}

TEST_F(HostileRelay, ARelayThatKnowsEverySentByteReadsNoRecord) {
  Dialogue d(world_, worker_, custodian_);
  d.run();
  ASSERT_TRUE(d.both_established());
  Established worker = std::move(d.initiator()).take_established();
  constexpr std::string_view kSecret = "the one thing that must not be seen";
  Bytes record;
  ASSERT_TRUE(worker.sealer.seal(base::as_bytes(kSecret), world_.now().monotonic, record));
  Bytes seen = d.wire();
  base::append(seen, record);
  const auto contains = [&seen](BytesView needle) {
    return std::search(seen.begin(), seen.end(), needle.begin(), needle.end()) != seen.end();
  };
  EXPECT_FALSE(contains(base::as_bytes(kSecret)));
  EXPECT_FALSE(contains(base::as_bytes("payments-1")));
  EXPECT_FALSE(contains(base::as_bytes("module_id"))) << "documents travel sealed";
}

TEST_F(HostileRelay, AFailedHandshakeGivesNothingAway) {
  auto d = run(2, [](Bytes frame) {
    frame.back() ^= 1;
    return Frames{std::move(frame)};
  });
  ASSERT_TRUE(d->responder_error());
  EXPECT_TRUE(d->responder_error()->is(Errc::box_does_not_open));
  EXPECT_EQ(d->frames().size(), 3u) << "no verdict to somebody who could not seal";
  EXPECT_EQ(d->responder().state(), HandshakeState::failed);
}

}  // namespace
}  // namespace concordat::peer
