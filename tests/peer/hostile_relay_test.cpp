// fail_each_step over the whole handshake: the relay does each of its tricks to each message in
// turn. Whatever it does, nobody is admitted who should not be, nobody releases anything, and what
// the two sides had sealed stays unreadable. Once with an enclave that dials, once with an
// operator.
#include <gtest/gtest.h>

#include "peer/error.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using test::TestEnclave;
using test::TestWorld;

enum class Kind { enclave, op };  // who dials

// hello, reply, confirm, accept.
constexpr std::size_t kMessages = 4;

class HostileRelay : public testing::TestWithParam<Kind> {
 protected:
  HostileRelay() {
    world_.edit_policy = [this](std::string text) {
      return test::with_operator(std::move(text), "dana", operator_.public_key());
    };
  }
  [[nodiscard]] std::unique_ptr<Dialogue> dialogue() {
    return GetParam() == Kind::op ? std::make_unique<Dialogue>(world_, operator_, custodian_)
                                  : std::make_unique<Dialogue>(world_, worker_, custodian_);
  }
  [[nodiscard]] static std::string purpose() {
    return std::string(GetParam() == Kind::op ? policy::kAdminPurpose : policy::kKeysPurpose);
  }
  [[nodiscard]] HandshakeContext initiator_context() {
    return GetParam() == Kind::op ? test::operator_context(world_, operator_.public_key())
                                  : worker_.context();
  }
  // A handshake in which `trick` is played on message `number`.
  using Trick = std::function<std::vector<Bytes>(Bytes)>;
  std::unique_ptr<Dialogue> run(std::size_t number, Trick trick) {
    std::unique_ptr<Dialogue> d = dialogue();
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

  policy::SigningKey operator_ = test::operator_key();
  TestWorld world_;
  TestEnclave worker_{world_, "payments-1", "payments"};
  TestEnclave custodian_{world_, "custodian-1", "custodian"};
};

TEST_P(HostileRelay, AnyFlippedBitInAnyMessageEndsTheHandshake) {
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

TEST_P(HostileRelay, ADroppedMessageLeavesItsReceiverWaiting) {
  for (std::size_t message = 0; message < kMessages; ++message) {
    auto d = run(message, [](Bytes) { return Frames(); });
    expect_not_established(*d, receiver(message), "dropped " + std::to_string(message));
  }
}

TEST_P(HostileRelay, ATruncatedMessageIsNeverTakenForAWholeOne) {
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

TEST_P(HostileRelay, AMessageSentTwiceEndsTheHandshakeOrIsRefusedAsARecord) {
  for (std::size_t message = 0; message + 1 < kMessages; ++message) {
    auto d = run(message, [](const Bytes& frame) { return Frames{frame, frame}; });
    // The second copy arrives in a state that does not let its type in.
    const auto& error =
        receiver(message) == Towards::responder ? d->responder_error() : d->initiator_error();
    ASSERT_TRUE(error) << message;
    EXPECT_TRUE(error->is(Errc::unexpected_message)) << error->to_string();
  }
}

TEST_P(HostileRelay, AReflectedMessageIsRefused) {
  // What a side receives in place of each message is what it sent last itself.
  for (std::size_t message = 1; message < kMessages; ++message) {
    const auto made = dialogue();
    Dialogue& d = *made;
    Bytes own;
    d.relay = [&](Towards, std::size_t n, Bytes frame) {
      if (n + 1 == message) own = frame;
      return Frames{n == message ? own : std::move(frame)};
    };
    d.run();
    const auto& error =
        receiver(message) == Towards::responder ? d.responder_error() : d.initiator_error();
    ASSERT_TRUE(error) << message;
    EXPECT_TRUE(error->is(Errc::unexpected_message)) << message << ": " << error->to_string();
  }
}

// The first message has none before it: it comes back to its sender, or meets another that dials.
TEST_P(HostileRelay, AHelloIsNoAnswerToAHello) {
  Initiator initiator(initiator_context(), purpose());
  Initiator other(initiator_context(), purpose());
  const Bytes own = initiator.start().value().send;
  const Bytes crossed = other.start().value().send;
  for (const Bytes& hello : {own, crossed}) {
    FrameReader reader;
    reader.feed(hello);
    EXPECT_TRUE(reader.next(initiator.allowed()).error().is(Errc::unexpected_message));
  }
  const auto reflected = initiator.on_frame({FrameType::hello, own}, world_.now());
  EXPECT_TRUE(reflected.error().is(Errc::unexpected_message));
  EXPECT_EQ(initiator.state(), HandshakeState::failed);
}

TEST_P(HostileRelay, MessagesOfAnotherHandshakeAreRefused) {
  const auto made = dialogue();
  Dialogue& recorded = *made;
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

TEST_P(HostileRelay, SwappedMessagesAreRefused) {
  const auto made = dialogue();
  Dialogue& recorded = *made;
  recorded.run();
  for (std::size_t message = 0; message < kMessages; ++message) {
    for (std::size_t instead = 0; instead < kMessages; ++instead) {
      if (instead == message) continue;
      auto d = run(message, [&](const Bytes&) { return Frames{recorded.frames()[instead]}; });
      EXPECT_FALSE(d->both_established()) << message << " by " << instead;
    }
  }
}

TEST_P(HostileRelay, ARelayThatKnowsEverySentByteReadsNoRecord) {
  const auto made = dialogue();
  Dialogue& d = *made;
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

// Whoever does not know the shared secret costs no P-384 verification.
TEST_P(HostileRelay, NoCertificateIsLookedAtBeforeTheBoxOpens) {
  for (const bool spoilt : {true, false}) {
    attest::ChainCache cache;
    HandshakeContext context = custodian_.context();
    context.chain_cache = &cache;
    context.also_admit_operator = [](const auto&) { return base::Status(); };
    Initiator initiator(initiator_context(), purpose());
    Responder responder(context);
    const auto frame = [](const Bytes& whole) {
      return Frame{static_cast<FrameType>(whole.at(0)), whole};
    };
    const Bytes hello = initiator.start().value().send;
    const auto order = responder.on_frame(frame(hello), world_.now()).value().mint;
    const Bytes reply = responder.on_document(custodian_.mint(*order), world_.now()).value().send;
    const auto order_of_own = initiator.on_frame(frame(reply), world_.now()).value();
    Bytes confirm =
        (order_of_own.mint
             ? initiator.on_document(worker_.mint(*order_of_own.mint), world_.now())
             : initiator.on_signature(operator_.sign(*order_of_own.sign).value(), world_.now()))
            .value()
            .send;
    if (spoilt) confirm.back() ^= 1;
    const auto verdict = responder.on_frame(frame(confirm), world_.now());
    EXPECT_EQ(verdict.has_value(), !spoilt);
    const auto counts = cache.counts();
    EXPECT_EQ(counts.leaf_hits + counts.path_hits + counts.misses,
              spoilt || GetParam() == Kind::op ? 0u : 1u);
  }
}

TEST_P(HostileRelay, AFailedHandshakeGivesNothingAway) {
  auto d = run(2, [](Bytes frame) {
    frame.back() ^= 1;
    return Frames{std::move(frame)};
  });
  ASSERT_TRUE(d->responder_error());
  EXPECT_TRUE(d->responder_error()->is(Errc::box_does_not_open));
  EXPECT_EQ(d->frames().size(), 3u) << "no verdict to somebody who could not seal";
  EXPECT_EQ(d->responder().state(), HandshakeState::failed);
}

INSTANTIATE_TEST_SUITE_P(Whoever, HostileRelay, testing::Values(Kind::enclave, Kind::op),
                         [](const auto& given) {
                           return std::string(given.param == Kind::op ? "AnOperatorDials"
                                                                      : "AnEnclaveDials");
                         });

}  // namespace
}  // namespace concordat::peer
