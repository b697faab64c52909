// Parties behind an honest relay, in virtual time: who sits with whom, and what happens when one
// starts anew.
#include <gmock/gmock.h>

#include "peer/error.hpp"
#include "policy/errc.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using std::chrono::seconds;

void start_all(RelayNet& net, const DescriptorPtr& descriptor, std::size_t parties) {
  for (PartyIndex index = 1; index <= parties; ++index)
    net.start(index, descriptor);
}

std::string reasons(const Instance& instance) {
  if (instance.formed) return "formed";
  std::string out(to_string(instance.forming->state()));
  if (instance.forming->error()) out += ": " + instance.forming->error()->to_string();
  for (const FormingRefusal& refusal : instance.forming->refusals())
    out += "\n  " + refusal.error.to_string();
  return out;
}

void expect_all_formed(RelayNet& net) {
  const Instance& first = net.instances().front();
  for (Instance& instance : net.instances()) {
    ASSERT_TRUE(instance.formed) << "party " << instance.index << " " << reasons(instance);
    EXPECT_EQ(instance.formed->encoded_roster, first.formed->encoded_roster);
    EXPECT_EQ(instance.formed->run, first.formed->run);
  }
}

TEST(SessionForming, EverybodyEndsWithOneRosterAndAChannelToEachOther) {
  for (std::size_t parties = 2; parties <= 10; ++parties) {
    SCOPED_TRACE(parties);
    SessionWorld world(parties);
    RelayNet net(world, parties);
    start_all(net, world.descriptor(), parties);
    net.run();
    ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
    EXPECT_EQ(net.instances()[0].formed->evidence.size(), parties);
    EXPECT_EQ(net.instances()[0].formed->channels.size(), parties - 1);
  }
}

void expect_carried(Instance& from, Instance& to, base::MonotonicMillis now) {
  base::Bytes record;
  ASSERT_TRUE(from.formed->channels.at(to.index).sealer.seal(base::as_bytes("input"), now, record));
  FormedChannel& other = to.formed->channels.at(from.index);
  other.reader.feed(record);
  const auto frame = other.reader.next(peer::AllowedFrames(peer::FrameType::data));
  ASSERT_TRUE(frame && *frame);
  base::Bytes plaintext((*frame)->body().size());
  EXPECT_EQ(other.opener.open(**frame, now, plaintext).value(), 5u);
}

TEST(SessionForming, WhatASealerSealsItsOtherEndOpens) {
  SessionWorld world(3);
  RelayNet net(world, 1);
  start_all(net, world.descriptor(), 3);
  net.run();
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
  for (Instance& from : net.instances()) {
    for (const auto& [to, channel] : from.formed->channels) {
      expect_carried(from, net.instances()[to - 1], net.now().monotonic);
    }
  }
  const Seat seat = net.instances()[1].formed->seat();
  EXPECT_EQ(seat.self, 2u);
  EXPECT_THAT(seat.parties, testing::ElementsAre(1, 2, 3));
}

TEST(SessionForming, PartiesOfOneRealmFormTooButNotInOneEnclave) {
  SessionWorld world(3, true);
  RelayNet net(world, 2);
  start_all(net, world.descriptor(), 3);
  net.run();
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));

  SessionWorld again(3, true);
  RelayNet two_seats(again, 3);
  const auto descriptor = again.descriptor();
  two_seats.start(1, descriptor);
  Instance& second = two_seats.start(2, descriptor);
  two_seats.start(3, descriptor, second.nsm);
  two_seats.run(std::chrono::minutes(6));
  for (const Instance& instance : two_seats.instances())
    EXPECT_FALSE(instance.formed) << instance.index;
  const auto& refusals = two_seats.instances()[0].forming->refusals();
  ASSERT_FALSE(refusals.empty());
  const bool is_named = std::ranges::any_of(refusals, [](const FormingRefusal& refusal) {
    return refusal.error.is(FormingErrc::seat_taken) &&
           refusal.error.detail().find("module id") != std::string::npos;
  });
  EXPECT_TRUE(is_named) << reasons(two_seats.instances()[0]);
}

TEST(SessionForming, WhoStartsAnewBeforeAnythingIsSignedTakesItsSeatAgain) {
  SessionWorld world(3);
  RelayNet net(world, 4);
  const auto descriptor = world.descriptor();
  net.start(1, descriptor);
  Instance& second = net.start(2, descriptor);
  net.run(seconds(2));
  EXPECT_THAT(net.instances()[0].forming->missing(), testing::ElementsAre(3));
  net.stop(second);
  net.start(2, descriptor);
  net.start(3, descriptor);
  net.run();
  ASSERT_TRUE(net.instances()[0].formed) << reasons(net.instances()[0]);
  EXPECT_EQ(net.instances()[0].formed->encoded_roster, net.instances()[2].formed->encoded_roster);
}

// What one party says after it signed never leaves it: the others have signed, too, and wait.
TEST(SessionForming, WhoStartsAnewAfterSigningIsMetByTheOthersWithNewKeys) {
  SessionWorld world(3);
  RelayNet net(world, 5);
  const auto descriptor = world.descriptor();
  Instance* silent = nullptr;
  net.carry = [&](const Instance& from, const Instance&, base::Bytes piece) {
    const bool is_held = &from == silent && !from.rosters.empty();
    return is_held ? std::vector<base::Bytes>{} : std::vector<base::Bytes>{std::move(piece)};
  };
  start_all(net, descriptor, 2);
  silent = &net.start(3, descriptor);
  net.run(seconds(2));
  const SessionPublicKey before = net.instances()[0].forming->public_key();
  ASSERT_EQ(net.instances()[0].forming->state(), FormingState::signing);
  net.stop(*silent);
  net.start(3, descriptor);
  net.run(seconds(20));
  for (const std::size_t i : {0, 1, 3}) {
    ASSERT_TRUE(net.instances()[i].formed) << reasons(net.instances()[i]);
    EXPECT_EQ(net.instances()[i].formed->run, net.instances()[3].formed->run);
    EXPECT_FALSE(net.instances()[i].has_signed_two);
  }
  EXPECT_NE(net.instances()[0].forming->public_key(), before);
  const bool is_named = std::ranges::any_of(
      net.instances()[0].forming->refusals(), [](const FormingRefusal& refusal) {
        return refusal.error.is(FormingErrc::party_restarted) && refusal.party == 3u;
      });
  EXPECT_TRUE(is_named);
}

// Who has formed keeps what others lack: a stream that was cut before the last word is made anew.
TEST(SessionForming, AStreamCutBeforeTheLastWordCostsTimeAndNoKey) {
  SessionWorld world(3);
  RelayNet net(world, 9);
  bool is_cut = false;
  net.carry = [&](const Instance& from, const Instance& to, base::Bytes piece) {
    // From the third's signature on, the second hears nothing of it.
    const bool is_held = !is_cut && from.index == 3 && to.index == 2 && !from.rosters.empty();
    return is_held ? std::vector<base::Bytes>{} : std::vector<base::Bytes>{std::move(piece)};
  };
  start_all(net, world.descriptor(), 3);
  net.run(seconds(2));
  ASSERT_EQ(net.instances()[1].forming->state(), FormingState::signing);
  EXPECT_FALSE(net.instances()[0].formed) << "before everybody has every signature";
  is_cut = true;
  net.cut(2, 3);
  net.run(seconds(20));
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
  for (const Instance& instance : net.instances())
    EXPECT_EQ(instance.rosters.size(), 1u);
}

// Two have formed; the third lacks the last word of one of them, and its stream is cut.
TEST(SessionForming, WhoHasFormedStillSaysWhatAnotherLacks) {
  SessionWorld world(3);
  RelayNet net(world, 13);
  bool is_cut = false;
  net.carry = [&](const Instance& from, const Instance& to, base::Bytes piece) {
    const bool is_held =
        !is_cut && from.index == 3 && to.index == 2 && from.forming->state() >= FormingState::ready;
    return is_held ? std::vector<base::Bytes>{} : std::vector<base::Bytes>{std::move(piece)};
  };
  start_all(net, world.descriptor(), 3);
  net.run(seconds(2));
  ASSERT_TRUE(net.instances()[0].formed && net.instances()[2].formed);
  ASSERT_EQ(net.instances()[1].forming->state(), FormingState::ready);
  is_cut = true;
  net.cut(2, 3);
  net.run(seconds(20));
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
  EXPECT_EQ(net.instances()[2].resumed, 1u);
}

TEST(SessionForming, AStreamThatSaysNothingAnyMoreIsMadeAnew) {
  SessionWorld world(2);
  RelayNet net(world, 10);
  start_all(net, world.descriptor(), 2);
  bool is_deaf = false;
  net.carry = [&](const Instance& from, const Instance&, base::Bytes piece) {
    is_deaf = is_deaf || !from.seen.empty();
    return is_deaf ? std::vector<base::Bytes>{} : std::vector<base::Bytes>{std::move(piece)};
  };
  net.run(seconds(5));
  EXPECT_FALSE(net.instances()[0].formed);
  net.carry = [](const Instance&, const Instance&, base::Bytes piece) {
    return std::vector<base::Bytes>{std::move(piece)};
  };
  net.run(seconds(40));
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
}

TEST(SessionForming, AStreamThatEndsInTheRunIsMadeAnewToTheSameSeats) {
  SessionWorld world(3);
  RelayNet net(world, 11);
  start_all(net, world.descriptor(), 3);
  net.run();
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
  net.cut(1, 3);
  net.run(seconds(10));
  EXPECT_EQ(net.instances()[0].resumed, 1u) << reasons(net.instances()[0]);
  EXPECT_EQ(net.instances()[1].resumed, 0u);
  EXPECT_EQ(net.instances()[2].resumed, 1u);
  expect_carried(net.instances()[0], net.instances()[2], net.now().monotonic);
  expect_carried(net.instances()[2], net.instances()[0], net.now().monotonic);
  // Another enclave of that party gets no channel of the run.
  net.stop(net.instances()[2]);
  net.start(3, net.instances()[0].descriptor);
  net.run(seconds(10));
  EXPECT_EQ(net.instances()[0].resumed, 1u);
  EXPECT_TRUE(net.instances()[0].forming->refusals().back().error.is(FormingErrc::party_restarted));
}

TEST(SessionForming, ANewStreamInTheRunIsJudgedByThePolicyOfThen) {
  SessionWorld world(2);
  RelayNet net(world, 12);
  start_all(net, world.descriptor(), 2);
  net.run();
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
  world.edit_policy = [](PartyIndex, std::string text) {
    const std::string role = "\"roles\": {\"payments\": {\"images\": [";
    return test::replaced(std::move(text), role + "\"payments-1\"]", role + "\"reports-1\"]");
  };
  policy::PolicySnapshot newer;
  newer.policy = world.policy(1);
  net.instances()[0].forming->use_policy(newer);
  net.cut(1, 2);
  net.run(seconds(10));
  EXPECT_EQ(net.instances()[0].resumed, 0u);
  EXPECT_TRUE(
      net.instances()[0].forming->refusals().back().error.is(policy::AdmissionErrc::image_differs))
      << reasons(net.instances()[0]);
}

TEST(SessionForming, AfterwardsEverybodyMayBeginAnew) {
  SessionWorld world(3);
  RelayNet net(world, 6);
  const auto descriptor = world.descriptor();
  start_all(net, descriptor, 3);
  net.run();
  ASSERT_NO_FATAL_FAILURE(expect_all_formed(net));
  const RunId first = net.instances()[0].formed->run;
  for (std::size_t i = 0; i < 3; ++i)
    net.stop(net.instances()[i]);
  start_all(net, descriptor, 3);
  net.run();
  ASSERT_TRUE(net.instances()[3].formed) << reasons(net.instances()[3]);
  EXPECT_NE(net.instances()[3].formed->run, first);
}

TEST(SessionForming, WhoDoesNotComeIsNamedWhenTheTimeIsOver) {
  SessionWorld world(3);
  RelayNet net(world, 7);
  const auto descriptor = world.descriptor();
  net.start(1, descriptor);
  net.start(2, descriptor);
  net.run(std::chrono::minutes(6));
  const Forming& forming = *net.instances()[0].forming;
  ASSERT_EQ(forming.state(), FormingState::failed);
  EXPECT_TRUE(forming.error()->is(FormingErrc::timed_out));
  EXPECT_THAT(forming.error()->detail(), testing::StartsWith("party 3 (party-3)"));
}

TEST(SessionForming, AnImageThatPolicyDoesNotNameIsRefusedWithItsRegister) {
  SessionWorld world(2);
  RelayNet net(world, 8);
  const auto descriptor = world.descriptor();
  net.start(1, descriptor);
  net.start(2, descriptor, world.enclave(2, true));
  net.run(seconds(5));
  const auto& refusals = net.instances()[0].forming->refusals();
  ASSERT_FALSE(refusals.empty());
  EXPECT_TRUE(refusals.front().error.is(policy::AdmissionErrc::image_differs))
      << refusals.front().error.to_string();
  EXPECT_THAT(refusals.front().error.detail(), testing::HasSubstr("PCR0 of image payments-1"));
}

TEST(SessionForming, ARuleThatIsMissingEndsItBeforeItBegins) {
  SessionWorld world(2);
  const auto descriptor = world.descriptor();
  const auto begin = [&](PartyIndex self, std::function<void(FormingContext&)> change = {}) {
    FormingContext context;
    context.descriptor = descriptor;
    context.self = self;
    context.policy.policy = world.policy(1);
    context.own_pcr16 = world.realm_of(1).authority.pcr16();
    context.anchors = &world.anchors;
    context.chain_cache = &world.cache;
    context.random = &world.random;
    if (change) change(context);
    return Forming::begin(std::move(context), {world.wall, {0}});
  };
  EXPECT_TRUE(begin(1));
  EXPECT_TRUE(begin(3).error().is(DescriptorErrc::no_such_party));
  EXPECT_TRUE(begin(2).error().is(FormingErrc::own_document));
  world.edit_policy = [](PartyIndex, std::string text) {
    return test::replaced(std::move(text), "\"sums/*\"", "\"other/*\"");
  };
  EXPECT_TRUE(begin(1).error().is(policy::AdmissionErrc::session_unknown));
  world.edit_policy = [](PartyIndex, std::string text) {
    return test::replaced(std::move(text), "\"own_roles\": [\"payments\"]", "\"own_roles\": []");
  };
  EXPECT_TRUE(begin(1).error().is(policy::AdmissionErrc::own_role_not_in_session));
  world.edit_policy = {};
  const auto late = Forming::begin(
      [&] {
        FormingContext context;
        context.descriptor = descriptor;
        context.self = 1;
        context.policy.policy = world.policy(1);
        context.own_pcr16 = world.realm_of(1).authority.pcr16();
        context.random = &world.random;
        return context;
      }(),
      {world.wall + std::chrono::hours(2), {0}});
  EXPECT_TRUE(late.error().is(DescriptorErrc::deadline_passed));
}

}  // namespace
}  // namespace concordat::session
