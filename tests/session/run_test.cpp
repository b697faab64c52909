#include "session/messaging/run.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"
#include "tests/session/simulator/dishonest_node.hpp"
#include "tests/session/simulator/test_protocols.hpp"

namespace concordat::session::messaging {
namespace {

using session::test::Attack;

constexpr Timing kTiming{.round = std::chrono::seconds(10), .farewell = std::chrono::seconds(5)};

struct Table {
  Group group;
  std::map<PartyIndex, base::Bytes> seeds;
  std::map<PartyIndex, std::unique_ptr<Run>> runs;
  std::set<std::pair<PartyIndex, PartyIndex>> stalled;  // from, to
  bool seals = true;

  explicit Table(PartyIndex parties) {
    for (PartyIndex party = 1; party <= parties; ++party) {
      seeds[party] = base::Bytes(32, static_cast<std::uint8_t>(party));
      group.seat.parties.push_back(party);
      group.keys[party] = key(party).public_key();
    }
  }
  policy::SigningKey key(PartyIndex party) const {
    base::Bytes copy = seeds.at(party);
    return policy::SigningKey::from_seed(base::SecretBytes::take(copy)).value();
  }
  Group group_of(PartyIndex self) const {
    Group out = group;
    out.seat.self = self;
    return out;
  }
  std::unique_ptr<Protocol> protocol(const ProtocolKind& kind, PartyIndex self) const {
    auto intake = kind.take({}, group.keys.size(), 2).value();
    EXPECT_TRUE(intake->feed(base::as_bytes(std::to_string(self))));
    return intake->begin(group_of(self).seat).value();
  }
  base::Result<std::unique_ptr<Run>> begin(PartyIndex self, std::unique_ptr<Protocol> protocol) {
    return Run::begin(group_of(self), key(self), std::move(protocol), kTiming, Time{});
  }
  void begin_all(const ProtocolKind& kind) {
    for (const auto& [party, its_key] : group.keys)
      runs[party] = begin(party, protocol(kind, party)).value();
  }
  void connect_all() {
    for (auto& [party, run] : runs) {
      for (const auto& [other, other_run] : runs) {
        if (other == party) continue;
        EXPECT_TRUE(run->connected(other, Time{}));
      }
    }
  }
  bool give(PartyIndex from, PartyIndex to) {
    const auto piece = runs.at(from)->take(to);
    if (piece.empty()) return false;
    (void)runs.at(to)->received(from, piece.expose(base::SecretAccess{}), Time{});
    if (seals) session::test::seal(*runs.at(to), Time{});
    return true;
  }
  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [from, run] : runs) {
        for (auto& [to, other] : runs) {
          if (from == to || stalled.contains({from, to})) continue;
          moved = give(from, to) || moved;
        }
      }
    }
  }
};

// Whose work comes in three parts each round.
class InParts final : public Protocol {
 public:
  explicit InParts(std::unique_ptr<Protocol> inner) : inner_(std::move(inner)) {}
  bool work() override { return --left_ > 0; }
  Round rounds() const noexcept override { return inner_->rounds(); }
  RoundShape shape(Round round) const noexcept override { return inner_->shape(round); }
  base::Result<Outgoing> send(Round round) override {
    EXPECT_LE(left_, 0) << "sent before its work was done";
    return inner_->send(round);
  }
  base::Status check_broadcast(Round round, PartyIndex from,
                               base::BytesView broadcast) const override {
    return inner_->check_broadcast(round, from, broadcast);
  }
  base::Status check_letter(Round round, PartyIndex from, PartyIndex to,
                            const base::SecretBytes& letter,
                            const std::map<PartyIndex, base::Bytes>& broadcasts) const override {
    return inner_->check_letter(round, from, to, letter, broadcasts);
  }
  base::Status receive(Round round, Incoming incoming) override {
    left_ = 3;
    return inner_->receive(round, std::move(incoming));
  }
  base::Result<Output> output() override { return inner_->output(); }

 private:
  std::unique_ptr<Protocol> inner_;
  int left_ = 3;
};

// What others say meanwhile waits, and nothing of a round is said before its work is done.
TEST(SessionRun, WorkInPartsKeepsARoundWaitingAndNothingElse) {
  for (const auto& kind : {session::test::committed_sum(), session::test::shared_sum(),
                           session::test::late_letters()}) {
    Table table(3);
    table.begin_all(kind);
    Timing in_parts = kTiming;
    in_parts.in_parts = true;
    const auto protocol = [&] { return std::make_unique<InParts>(table.protocol(kind, 2)); };
    table.runs[2] =
        Run::begin(table.group_of(2), table.key(2), protocol(), in_parts, Time{}).value();
    table.connect_all();
    auto& second = *table.runs.at(2);
    std::size_t parts = 0;
    for (table.pump(); second.has_work(); table.pump()) {
      EXPECT_EQ(table.runs.at(1)->outcome(), nullptr) << "without what the second owes";
      second.work(Time{});
      ++parts;
    }
    EXPECT_EQ(parts, 2 * table.protocol(kind, 2)->rounds());
    for (const auto& [party, run] : table.runs) {
      ASSERT_NE(run->outcome(), nullptr);
      ASSERT_TRUE(run->outcome()->output) << to_string(*run->outcome()->stop);
      EXPECT_EQ(run->outcome()->output->result.front(), 1 + 2 + 3);
    }
  }
}

TEST(SessionRun, WorkThatTakesLongerThanTheRoundEndsTheRun) {
  Table table(3);
  table.begin_all(session::test::committed_sum());
  Timing in_parts = kTiming;
  in_parts.in_parts = true;
  const auto run =
      Run::begin(table.group_of(2), table.key(2),
                 std::make_unique<InParts>(table.protocol(session::test::committed_sum(), 2)),
                 in_parts, Time{})
          .value();
  ASSERT_TRUE(run->has_work());
  run->work(Time{} + kTiming.round);
  EXPECT_FALSE(run->has_work());
  ASSERT_NE(run->outcome(), nullptr);
  EXPECT_TRUE(run->outcome()->stop);
}

TEST(SessionRun, HonestPartiesFinishAndAreDone) {
  for (const auto& kind : {session::test::committed_sum(), session::test::shared_sum(),
                           session::test::late_letters()}) {
    Table table(3);
    table.begin_all(kind);
    table.connect_all();
    table.pump();
    for (const auto& [party, run] : table.runs) {
      ASSERT_NE(run->outcome(), nullptr);
      ASSERT_TRUE(run->outcome()->output) << to_string(*run->outcome()->stop);
      EXPECT_EQ(run->outcome()->output->result.front(), 1 + 2 + 3);
      EXPECT_EQ(run->outcome()->confirmations.size(), 3U);
      EXPECT_TRUE(run->is_closed());
      EXPECT_EQ(run->wakes_at(), std::nullopt);
    }
  }
}

// Whoever gives a result out knows that the others have theirs sealed: a confirmation says so.
TEST(SessionRun, NobodyConfirmsBeforeWhatItKeepsIsSealed) {
  Table table(3);
  table.seals = false;
  table.begin_all(session::test::shared_sum());
  table.connect_all();
  table.pump();
  for (const PartyIndex party : {1, 2}) {
    auto& run = *table.runs.at(party);
    ASSERT_NE(run.to_seal(), nullptr);
    EXPECT_EQ(run.to_seal()->kept.size(), 1u);
    run.sealed(Time{});
    EXPECT_EQ(run.to_seal(), nullptr);
    table.pump();
    EXPECT_EQ(run.outcome(), nullptr) << "the third has not said so";
  }
  // It never does: its own time is over first, and nobody has an output.
  auto& third = *table.runs.at(3);
  third.passed(*third.wakes_at());
  table.pump();
  ASSERT_TRUE(third.outcome()->stop);
  EXPECT_EQ(third.outcome()->stop->reason, Reason::failed);
  EXPECT_TRUE(third.outcome()->stop->error.is(Errc::not_sealed));
  for (const PartyIndex party : {1, 2})
    EXPECT_EQ(table.runs.at(party)->outcome()->stop->reason, Reason::ended_by_another);
  third.sealed(*third.wakes_at());
  EXPECT_FALSE(third.outcome()->output);
}

TEST(SessionRun, WhoIsSilentIsUnreachableAndNobodyIsConvicted) {
  Table table(3);
  table.begin_all(session::test::committed_sum());
  table.connect_all();
  table.stalled = {{3, 1}, {3, 2}};
  table.pump();
  auto& run = *table.runs.at(1);
  EXPECT_EQ(run.outcome(), nullptr);
  EXPECT_EQ(run.wakes_at(), Time{} + kTiming.round);
  run.passed(*run.wakes_at());
  ASSERT_NE(run.outcome(), nullptr);
  ASSERT_TRUE(run.outcome()->stop);
  EXPECT_EQ(to_string(*run.outcome()->stop), "unreachable: party 3 in round 1");
  EXPECT_TRUE(run.outcome()->convicted.empty());
  EXPECT_FALSE(run.is_closed());
  run.passed(*run.wakes_at());
  EXPECT_TRUE(run.is_closed());
}

// Party 2 is in round 1 still, for want of an echo, when proof about round 2 comes.
TEST(SessionRun, AnAccusationFromTheNextRoundWaits) {
  Table table(4);
  table.begin_all(session::test::committed_sum());
  table.runs[4] =
      table
          .begin(4, session::test::twisted(table.protocol(session::test::committed_sum(), 4),
                                           Attack::bad_broadcast, 2, {1}))
          .value();
  table.connect_all();
  // Their broadcasts of round 1, and for a while nothing more.
  table.give(3, 2);
  table.give(2, 4);
  table.stalled = {{3, 2}, {2, 4}};
  table.pump();
  table.stalled = {{3, 2}, {4, 2}};
  table.pump();
  ASSERT_NE(table.runs[1]->outcome(), nullptr);
  EXPECT_TRUE(table.runs[1]->outcome()->convicted.contains(4));
  EXPECT_EQ(table.runs[2]->outcome(), nullptr);
  table.stalled = {{4, 2}};
  table.pump();
  ASSERT_NE(table.runs[2]->outcome(), nullptr);
  EXPECT_TRUE(table.runs[2]->outcome()->convicted.contains(4));
}

// What would convict oneself is not signed.
TEST(SessionRun, OnesOwnBadBroadcastIsNotSent) {
  struct Broken final : Protocol {
    Round rounds() const noexcept override { return 1; }
    RoundShape shape(Round) const noexcept override { return {8, 0}; }
    base::Result<Outgoing> send(Round) override { return Outgoing{{1}, {}}; }
    base::Status check_broadcast(Round, PartyIndex, base::BytesView) const override {
      return base::Error(Errc::malformed);
    }
    base::Status check_letter(Round, PartyIndex, PartyIndex, const base::SecretBytes&,
                              const std::map<PartyIndex, base::Bytes>&) const override {
      return {};
    }
    base::Status receive(Round, Incoming) override { return {}; }
    base::Result<Output> output() override { return Output{}; }
  };
  Table table(2);
  const auto run = table.begin(1, std::make_unique<Broken>()).value();
  ASSERT_NE(run->outcome(), nullptr);
  EXPECT_EQ(run->outcome()->stop->reason, Reason::failed);
  ASSERT_TRUE(run->connected(2, Time{}));
  const auto bytes = run->take(2);
  FrameReader reader({.parties = 2, .broadcast = 8});
  base::BytesView piece = bytes.expose(base::SecretAccess{});
  EXPECT_EQ((*reader.take(piece))->kind, Kind::acknowledgement);
  EXPECT_EQ((*reader.take(piece))->kind, Kind::farewell);
  EXPECT_TRUE(piece.empty());
}

TEST(SessionRun, WhoCannotRunTogether) {
  const auto refused = [](const std::function<void(Table&, Group&)>& change) {
    Table table(3);
    Group group = table.group_of(1);
    change(table, group);
    auto run = messaging::Run::begin(
        group, table.key(1), table.protocol(session::test::committed_sum(), 1), kTiming, Time{});
    return !run && run.error().is(Errc::bad_group);
  };
  EXPECT_FALSE(refused([](Table&, Group&) {}));
  EXPECT_TRUE(refused([](Table&, Group& group) { group.seat.self = 2; }));
  EXPECT_TRUE(refused([](Table&, Group& group) { group.seat.self = 9; }));
  EXPECT_TRUE(refused([](Table&, Group& group) { group.keys.erase(2); }));
  EXPECT_TRUE(refused([](Table&, Group& group) { group.keys[3] = group.keys[2]; }));
  EXPECT_TRUE(refused([](Table&, Group& group) { group.keys[7] = {}; }));
  EXPECT_TRUE(refused(
      [](Table&, Group& group) { std::swap(group.seat.parties[0], group.seat.parties[1]); }));
  EXPECT_TRUE(refused([](Table&, Group& group) { group.seat.parties = {1}; }));
}

TEST(SessionRun, AChannelOfNobodyIsNotAdmitted) {
  Table table(2);
  table.begin_all(session::test::committed_sum());
  EXPECT_FALSE(table.runs[1]->connected(1, Time{}));
  EXPECT_FALSE(table.runs[1]->connected(3, Time{}));
  EXPECT_TRUE(table.runs[1]->take(3).empty());
}

// Bytes that nobody honest sends end that party's channel for good; unsigned, they are no proof.
TEST(SessionRun, MalformedBytesBarTheirSender) {
  Table table(3);
  table.begin_all(session::test::committed_sum());
  table.connect_all();
  const base::Bytes garbage(40, 0xEE);
  const auto taken = table.runs[1]->received(2, garbage, Time{});
  ASSERT_FALSE(taken);
  EXPECT_TRUE(taken.error().is(Errc::malformed));
  EXPECT_FALSE(table.runs[1]->admits(2));
  EXPECT_FALSE(table.runs[1]->connected(2, Time{}));
  EXPECT_TRUE(table.runs[1]->admits(3));
  EXPECT_EQ(table.runs[1]->outcome()->stop->reason, Reason::broke_rules);
  EXPECT_TRUE(table.runs[1]->outcome()->convicted.empty());
  table.pump();
  EXPECT_EQ(table.runs[3]->outcome()->stop->reason, Reason::ended_by_another);
}

}  // namespace
}  // namespace concordat::session::messaging
