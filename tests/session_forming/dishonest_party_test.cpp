// A party that is attested and yet says what no honest one does: nothing forms, and its words cost
// the honest one no more than that.
#include <gmock/gmock.h>

#include "attest/mint.hpp"
#include "session/forming_records.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;

constexpr StreamId kStream = 1;

// Party 2, whose program the test plays, before party 1, which dials it.
class DishonestParty : public testing::Test {
 protected:
  DishonestParty() : descriptor_(world_.descriptor()), key_(SessionKey::generate()) {
    FormingContext context;
    context.descriptor = descriptor_;
    context.self = 1;
    context.policy.policy = world_.policy(1);
    context.own_pcr16 = world_.realm_of(1).authority.pcr16();
    context.anchors = &world_.anchors;
    context.chain_cache = &world_.cache;
    context.random = &world_.random;
    forming_ = Forming::begin(std::move(context), now()).value();
    other_.emplace(other_context());
    perform(forming_->on_time(now()));
    run();
  }

  [[nodiscard]] peer::Now now() const { return {world_.wall, {0}}; }

  peer::HandshakeContext other_context() {
    peer::HandshakeContext out;
    out.policy = policy_;
    out.role = descriptor_->fields().party(2)->role;
    out.own_pcr16 = world_.realm_of(2).authority.pcr16();
    out.anchors = &world_.anchors;
    out.chain_cache = &world_.cache;
    out.random = &world_.random;
    out.extensions = seat_extensions({2, key_.public_key(), world_.random.make<RunNonce>()});
    out.peer_extensions = {kPartyExtension, kKeyExtension, kNonceExtension};
    out.session =
        peer::SessionTerms{{0, descriptor_->digest()},
                           [](std::string_view) { return base::Status(); },
                           [this](const peer::Statement& statement, policy::Side side,
                                  const attest::VerifiedClaims& claims) {
                             const PartyEntry& party = *descriptor_->fields().party(1);
                             const policy::PartyQuestion question{descriptor_->fields().id,
                                                                  descriptor_->fields().protocol,
                                                                  statement.role,
                                                                  party.realm,
                                                                  party.role,
                                                                  party.authority,
                                                                  side};
                             return policy::admit_party(*policy_, question, claims,
                                                        world_.realm_of(2).authority.pcr16());
                           }};
    return out;
  }

  void perform(FormingOrders orders) {
    for (const PartyIndex party : orders.dial)
      perform(forming_->on_dialled(party, kStream, now()));
    for (auto& [stream, bytes] : orders.send)
      to_other_.push_back(std::move(bytes));
    for (auto& [stream, request] : orders.mint)
      perform(forming_->on_document(stream, attest::mint(*enclaves_[0], request), now()));
    is_closed_ = is_closed_ || !orders.close.empty();
  }

  void run() {
    for (; !to_other_.empty(); to_other_.pop_front()) {
      in_.feed(to_other_.front());
      while (!channel_) {
        const auto frame = in_.next(other_->allowed()).value();
        if (!frame) break;
        answer(other_->on_frame(*frame, now()).value());
      }
      while (!to_forming_.empty()) {
        const Bytes bytes = std::move(to_forming_.front());
        to_forming_.pop_front();
        perform(forming_->on_bytes(kStream, bytes, now()));
      }
    }
  }
  void answer(peer::HandshakeAction action) {
    if (!action.send.empty()) to_forming_.push_back(std::move(action.send));
    if (action.mint) {
      const Bytes document = attest::mint(*enclaves_[1], *action.mint).value();
      answer(other_->on_document(document, now()).value());
    }
    if (other_->state() == peer::HandshakeState::established && !channel_) {
      channel_.emplace(std::move(*other_).take_established());
    }
  }

  void say(const FormingRecord& record) {
    Bytes sealed;
    ASSERT_TRUE(channel_->sealer.seal(encode(record), now().monotonic, sealed));
    perform(forming_->on_bytes(kStream, sealed, now()));
  }
  [[nodiscard]] SignedRecord signature_of(const Bytes& roster) const {
    return {run_id(roster), key_.sign(roster_message(roster)).value()};
  }
  // The roster with another key of party 2.
  [[nodiscard]] Bytes another_roster() const {
    Roster roster = decode_roster(forming_->view()).value();
    roster.seats[1].key = SessionKey::generate().public_key();
    return encode(roster);
  }
  void expect_dropped() {
    EXPECT_TRUE(is_closed_);
    ASSERT_FALSE(forming_->refusals().empty());
    EXPECT_TRUE(forming_->refusals().back().error.is(FormingErrc::malformed_roster))
        << forming_->refusals().back().error.to_string();
    EXPECT_NE(forming_->state(), FormingState::formed);
    EXPECT_NE(forming_->state(), FormingState::failed) << "another try may be an honest one";
  }

  SessionWorld world_{2};
  DescriptorPtr descriptor_;
  SessionKey key_;
  policy::PolicyPtr policy_ = world_.policy(2);
  std::array<std::unique_ptr<lab::SoftwareNsm>, 2> enclaves_{world_.enclave(1), world_.enclave(2)};
  std::unique_ptr<Forming> forming_;
  std::optional<peer::Responder> other_;
  std::optional<peer::Established> channel_;
  peer::FrameReader in_;
  std::deque<Bytes> to_other_, to_forming_;
  bool is_closed_ = false;
};

TEST_F(DishonestParty, FormsWhereItSaysWhatAnHonestOneDoes) {
  ASSERT_TRUE(channel_);
  const Bytes roster = forming_->view();
  ASSERT_FALSE(roster.empty());
  say(ViewRecord{});
  EXPECT_EQ(forming_->state(), FormingState::gathering);
  say(ViewRecord{roster});
  EXPECT_EQ(forming_->state(), FormingState::signing);
  say(signature_of(roster));
  EXPECT_EQ(forming_->state(), FormingState::ready);
  say(ReadyRecord{run_id(roster)});
  EXPECT_EQ(forming_->state(), FormingState::formed);
  EXPECT_EQ(forming_->take().run, run_id(roster));
}

TEST_F(DishonestParty, SignsOnlyWhatItShowed) {
  say(ViewRecord{forming_->view()});
  say(signature_of(another_roster()));
  expect_dropped();
}

TEST_F(DishonestParty, SignsBeforeItShowsAnything) {
  say(signature_of(forming_->view()));
  expect_dropped();
}

TEST_F(DishonestParty, IsReadyOnlyForWhatItSigned) {
  const Bytes roster = forming_->view();
  say(ViewRecord{roster});
  say(signature_of(roster));
  say(ReadyRecord{run_id(another_roster())});
  expect_dropped();
}

TEST_F(DishonestParty, IsNotReadyWithoutASignature) {
  const Bytes roster = forming_->view();
  say(ViewRecord{roster});
  say(ReadyRecord{run_id(roster)});
  expect_dropped();
}

TEST_F(DishonestParty, ShowsNothingElseAfterItsSignature) {
  const Bytes roster = forming_->view();
  say(ViewRecord{roster});
  say(signature_of(roster));
  say(ViewRecord{another_roster()});
  expect_dropped();
}

TEST_F(DishonestParty, ASignatureThatDoesNotVerifyEndsTheRun) {
  const Bytes roster = forming_->view();
  say(ViewRecord{roster});
  say(SignedRecord{run_id(roster), SessionKey::generate().sign(roster_message(roster)).value()});
  ASSERT_EQ(forming_->state(), FormingState::failed);
  EXPECT_TRUE(forming_->error()->is(FormingErrc::roster_not_signed));
  EXPECT_THAT(forming_->error()->detail(), testing::HasSubstr("party 2"));
}

// Nobody's key signs two rosters, whatever it is shown.
TEST_F(DishonestParty, AnotherViewAfterOneSignedCostsThatKey) {
  const SessionPublicKey before = forming_->public_key();
  say(ViewRecord{forming_->view()});
  ASSERT_FALSE(forming_->encoded_roster().empty());
  say(ViewRecord{another_roster()});
  EXPECT_EQ(forming_->state(), FormingState::gathering);
  EXPECT_NE(forming_->public_key(), before);
  EXPECT_TRUE(forming_->encoded_roster().empty());
  EXPECT_TRUE(is_closed_);
  EXPECT_TRUE(forming_->refusals().back().error.is(FormingErrc::roster_differs));
  EXPECT_THAT(forming_->refusals().back().error.detail(),
              testing::HasSubstr("session key of party 2"));
}

TEST(FormingRecords, HaveOneEncoding) {
  SignedRecord record;
  record.run.mutable_view()[0] = 1;
  for (const FormingRecord& one :
       {FormingRecord(ViewRecord{}), FormingRecord(ViewRecord{{1, 2, 3}}), FormingRecord(record),
        FormingRecord(ReadyRecord{record.run})}) {
    const Bytes encoded = encode(one);
    const auto read = decode_forming_record(encoded);
    ASSERT_TRUE(read);
    EXPECT_EQ(encode(*read), encoded);
    for (std::size_t size = 0; size < encoded.size(); ++size)
      EXPECT_FALSE(decode_forming_record(base::BytesView(encoded).first(size)));
    Bytes longer = encoded;
    longer.push_back(0);
    EXPECT_TRUE(decode_forming_record(longer).error().is(FormingErrc::malformed_roster));
  }
  EXPECT_FALSE(decode_forming_record(Bytes{0x82, 0x03, 0x40}));
}

}  // namespace
}  // namespace concordat::session
