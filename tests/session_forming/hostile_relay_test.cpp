// Whatever carries the parties' streams does its worst: no two parties ever form different groups,
// nobody sits in a group who did not sign it, and what was tried is named.
#include <gmock/gmock.h>

#include "peer/error.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::Error;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool was_refused(const Instance& instance, boost::system::error_code code,
                 const std::string& words = {}) {
  return std::ranges::any_of(instance.forming->refusals(), [&](const FormingRefusal& refusal) {
    return refusal.error.code() == code &&
           refusal.error.to_string().find(words) != std::string::npos;
  });
}

// Two enclaves of the third party, and to each other party the relay shows one of them.
TEST(SessionRelay, TwoGroupsAreCaughtByTheRosterWhichNamesTheFieldThatDiffers) {
  SessionWorld world(3);
  RelayNet net(world, 1);
  const auto descriptor = world.descriptor();
  Instance& first = net.start(1, descriptor);
  Instance& second = net.start(2, descriptor);
  Instance& third = net.start(3, descriptor);
  Instance& fork = net.start(3, descriptor);
  net.route = [&](const Instance& from, PartyIndex party) {
    if (party == 3) return from.index == 1 ? &third : &fork;
    return net.latest(party);
  };
  net.run(seconds(30));
  for (const Instance& instance : net.instances())
    EXPECT_TRUE(instance.rosters.empty()) << "signed without everybody's seeing the same";
  net.run(limits::kFormingTime);
  for (Instance* instance : {&first, &second}) {
    ASSERT_FALSE(instance->formed);
    ASSERT_EQ(instance->forming->state(), FormingState::failed);
    EXPECT_TRUE(instance->forming->error()->is(FormingErrc::roster_differs))
        << instance->forming->error()->to_string();
    EXPECT_THAT(instance->forming->error()->detail(),
                testing::HasSubstr("session key of party 3 (party-3)"));
  }
}

// They say nothing, for as long as a handshake may take, and open the next one whenever one ends.
TEST(SessionRelay, StrangersThatTakeUpEveryPlaceGiveUpTheirOldest) {
  SessionWorld world(2);
  RelayNet net(world, 3);
  const auto descriptor = world.descriptor();
  Instance& second = net.start(2, descriptor);
  StreamId stranger = 1'000'000;
  std::size_t given_up = 0;
  for (int i = 0; i < 50; ++i)
    given_up += second.forming->on_accepted(++stranger, "parent/stranger", net.now()).close.size();
  EXPECT_EQ(given_up, 50 - 1 - limits::kSpareStreams);
  Instance& first = net.start(1, descriptor);
  net.run(seconds(5));
  EXPECT_TRUE(first.formed);
  EXPECT_TRUE(second.formed);
}

// The first message of a party, as anybody on the way has it.
Bytes hello_of_the_first(RelayNet& net, const DescriptorPtr& descriptor) {
  const Carry honest = std::exchange(
      net.carry, [](const Instance&, const Instance&, Bytes) { return std::vector<Bytes>(); });
  Instance& first = net.start(1, descriptor);
  while (first.sent.empty())
    net.run(milliseconds(10));
  net.stop(first);
  net.run(seconds(1));
  net.carry = honest;
  return first.sent.front();
}

// They come twenty times as fast as anybody may, and each has this party's enclave make a document
// as far as it can.
TEST(SessionRelay, StrangersThatSendHellosAtOnceKeepNoPartyOut) {
  SessionWorld world(3);
  RelayNet net(world, 5);
  const auto descriptor = world.descriptor();
  Instance& third = net.start(3, descriptor);
  const Bytes hello = hello_of_the_first(net, descriptor);
  const auto flood = [&](int milliseconds_long) {
    for (int i = 0; i < milliseconds_long; ++i) {
      net.visit(third, "parent/stranger", hello);
      net.run(milliseconds(1));
    }
  };
  flood(2'000);
  Instance& first = net.start(1, descriptor);
  Instance& second = net.start(2, descriptor);
  flood(5'000);
  for (const Instance* instance : {&first, &second, &third})
    EXPECT_TRUE(instance->formed) << instance->index;
}

// The device's time goes to sources in turn, however many streams one of them has.
TEST(SessionRelay, DocumentsAreMadeForEachSourceInTurn) {
  SessionWorld world(2);
  RelayNet net(world, 6);
  const auto descriptor = world.descriptor();
  Instance& second = net.start(2, descriptor);
  const Bytes hello = hello_of_the_first(net, descriptor);
  std::vector<StreamId> asked;
  const auto note = [&](const FormingOrders& orders) {
    for (const auto& [stream, request] : orders.mint)
      asked.push_back(stream);
  };
  StreamId stream = 1'000'000;
  const auto visit = [&](const std::string& source) {
    note(second.forming->on_accepted(++stream, source, net.now()));
    note(second.forming->on_bytes(stream, hello, net.now()));
    return stream;
  };
  for (std::size_t i = 0; i < limits::kSpareStreams; ++i)
    visit("parent/stranger");
  EXPECT_EQ(asked.size(), limits::kMintsForStrangers);
  const StreamId party = visit("parent/1");
  ASSERT_EQ(asked.size(), limits::kMintsForStrangers) << "one is made after the other";
  for (std::size_t answered = 0; answered < 2; ++answered) {
    note(second.forming->on_document(asked[answered], Error(peer::Errc::busy), net.now()));
  }
  ASSERT_EQ(asked.size(), limits::kMintsForStrangers + 2);
  EXPECT_THAT(asked, testing::Contains(party));
  // Of a stream that is gone the answer comes all the same, and makes room.
  note(second.forming->on_closed(party, net.now()));
  EXPECT_EQ(asked.size(), limits::kMintsForStrangers + 2);
  note(second.forming->on_document(party, Error(peer::Errc::busy), net.now()));
  EXPECT_EQ(asked.size(), limits::kMintsForStrangers + 3);
}

TEST(SessionRelay, TwoSessionsDoNotSplice) {
  SessionWorld world(3);
  RelayNet net(world, 2);
  const auto one = world.descriptor("sums/one");
  const auto two = world.descriptor("sums/two");
  for (PartyIndex index = 1; index <= 3; ++index)
    net.start(index, index == 2 ? two : one);
  net.run(seconds(20));
  for (const Instance& instance : net.instances())
    EXPECT_FALSE(instance.formed);
  EXPECT_TRUE(was_refused(net.instances()[0], make_error_code(peer::Errc::session_differs),
                          two->digest().hex()));
  EXPECT_TRUE(was_refused(net.instances()[1], make_error_code(peer::Errc::session_differs),
                          one->digest().hex()));
}

TEST(SessionRelay, AStreamToAnotherPartyIsRefusedByIt) {
  SessionWorld world(3);
  RelayNet net(world, 3);
  const auto descriptor = world.descriptor();
  for (PartyIndex index = 1; index <= 3; ++index)
    net.start(index, descriptor);
  net.route = [&](const Instance& from, PartyIndex party) {
    return net.latest(from.index == 1 ? 5 - party : party);
  };
  net.run(seconds(20));
  for (const Instance& instance : net.instances())
    EXPECT_FALSE(instance.formed);
  EXPECT_TRUE(was_refused(net.instances()[2], make_error_code(FormingErrc::not_for_us),
                          "party 1 (party-1) to party 2 (party-2); this is party 3 (party-3)"));
}

// Everything that a party sent in an older run, played to another in a newer one.
TEST(SessionRelay, APartyOfAnOlderRunIsNoParty) {
  SessionWorld world(2);
  RelayNet net(world, 4);
  const auto descriptor = world.descriptor();
  net.start(1, descriptor);
  net.start(2, descriptor);
  net.run(seconds(10));
  ASSERT_TRUE(net.instances()[0].formed && net.instances()[1].formed);
  const std::vector<Bytes> old = net.instances()[1].sent;
  net.stop(net.instances()[0]);
  net.stop(net.instances()[1]);
  Instance& first = net.start(1, descriptor);
  Instance& second = net.start(2, descriptor);
  std::size_t next = 0;
  net.carry = [&](const Instance& from, const Instance& to, Bytes piece) {
    if (&from != &second || &to != &first) return std::vector<Bytes>{std::move(piece)};
    return std::vector<Bytes>{old[std::min(next++, old.size() - 1)]};
  };
  net.run(seconds(10));
  EXPECT_FALSE(first.formed);
  EXPECT_FALSE(second.formed);
  EXPECT_THAT(first.forming->missing(), testing::ElementsAre(2));
  EXPECT_TRUE(was_refused(first, make_error_code(peer::Errc::box_does_not_open)));
}

// One signature of a party under two groups would let the relay have both.
struct Verdict {
  std::size_t formed = 0;
  std::string fault;
};

using Groups = std::map<SessionPublicKey, Bytes>;

// Whether every seat of a group is held by an enclave of its party, of which `groups` says that it
// is in this one by that key.
std::string judge_group(const std::deque<Instance>& instances, Groups Instance::*groups,
                        const Bytes& group) {
  const Roster roster = decode_roster(group).value();
  for (const RosterSeat& seat : roster.seats) {
    const auto owner = std::ranges::find_if(instances, [&](const Instance& instance) {
      return instance.index == seat.index && (instance.*groups).contains(seat.key);
    });
    if (owner == instances.end() || ((*owner).*groups).at(seat.key) != group) {
      return "party " + std::to_string(seat.index) + " did not sign this group";
    }
  }
  return {};
}

Verdict judge_formed(const std::deque<Instance>& instances) {
  Verdict out;
  for (const Instance& instance : instances) {
    if (instance.has_signed_two) out.fault = "one key signed two groups";
    if (!instance.formed) continue;
    ++out.formed;
    if (auto fault = judge_group(instances, &Instance::rosters, instance.formed->encoded_roster);
        !fault.empty()) {
      out.fault = fault;
    }
  }
  return out;
}

// The same of parties that would go ahead with the first group that they see.
bool is_unsafe_without_comparison(const std::deque<Instance>& instances) {
  for (const Instance& instance : instances) {
    for (const auto& [key, group] : instance.seen) {
      if (!judge_group(instances, &Instance::seen, group).empty()) return true;
    }
  }
  return false;
}

class Attack {
 public:
  Attack(std::uint64_t seed, std::size_t parties) : world_(parties), net_(world_, seed) {
    const auto one = world_.descriptor("sums/one");
    const auto two = world_.descriptor("sums/two");
    for (PartyIndex index = 1; index <= parties; ++index)
      start(index, one);
    // Others of the same images: of the same session, and of another.
    const std::size_t more = pick(4);
    for (std::size_t i = 0; i < more; ++i)
      start(static_cast<PartyIndex>(1 + pick(parties)), pick(3) == 0 ? two : one);
    wild_ = pick(100);
    net_.route = [this](const Instance& from, PartyIndex party) { return lead(from, party); };
    net_.carry = [this](const Instance&, const Instance&, Bytes piece) {
      return carried(std::move(piece));
    };
  }

  void run() {
    net_.run(seconds(15));
    // And one that starts anew in the middle of it.
    if (pick(2) == 0) {
      Instance& victim = net_.instances()[pick(net_.instances().size())];
      if (!victim.formed) {
        net_.stop(victim);
        start(victim.index, victim.descriptor);
      }
    }
    net_.run(seconds(30));
  }

  [[nodiscard]] const std::deque<Instance>& instances() { return net_.instances(); }

 private:
  std::size_t pick(std::size_t n) { return net_.random()() % n; }
  void start(PartyIndex index, const DescriptorPtr& descriptor) { net_.start(index, descriptor); }
  Instance* lead(const Instance& from, PartyIndex party) {
    if (pick(100) < 5) return &net_.instances()[pick(net_.instances().size())];
    // One of the party's, the same for each caller most of the time.
    std::vector<Instance*> ones;
    for (Instance& instance : net_.instances()) {
      if (instance.index == party && instance.is_alive) ones.push_back(&instance);
    }
    if (ones.empty()) return nullptr;
    return ones[pick(4) == 0 ? pick(ones.size()) : (from.index + wild_) % ones.size()];
  }
  std::vector<Bytes> carried(Bytes piece) {
    history_.push_back(piece);
    const std::size_t what = pick(1000);
    if (what >= wild_) return {std::move(piece)};
    switch (what % 6) {
      case 0:
        return {};
      case 1:
        piece[pick(piece.size())] ^= static_cast<std::uint8_t>(1u << pick(8));
        return {std::move(piece)};
      case 2:
        return {piece, piece};
      case 3:
        return {history_[pick(history_.size())]};
      case 4:
        piece.resize(pick(piece.size()));
        return {std::move(piece)};
      default:
        return {history_[pick(history_.size())], std::move(piece)};
    }
  }

  SessionWorld world_;
  RelayNet net_;
  std::vector<Bytes> history_;
  std::size_t wild_ = 0;
};

constexpr std::uint64_t kSeeds = 60;

TEST(SessionRelay, NoSeedMakesTwoGroups) {
  std::size_t formed = 0;
  std::size_t caught_without = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Attack attack(seed, 2 + seed % 4);
    attack.run();
    const Verdict verdict = judge_formed(attack.instances());
    EXPECT_EQ(verdict.fault, "") << "seed " << seed;
    formed += verdict.formed;
    // The planted bug: a party that goes ahead with what it signed. The check must see it.
    caught_without += is_unsafe_without_comparison(attack.instances()) ? 1 : 0;
  }
  EXPECT_GT(formed, kSeeds / 2) << "the relay was never let through: nothing was shown";
  EXPECT_GT(caught_without, 3u) << "the attacks are too weak to show anything";
}

}  // namespace
}  // namespace concordat::session
