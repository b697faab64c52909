// Parties hosted by their enclaves: they find one another, compute, and say who did not come.
#include <gmock/gmock.h>

#include <boost/asio/local/connect_pair.hpp>

#include "peer/frame.hpp"
#include "peer/limits.hpp"
#include "peer/messages.hpp"
#include "session/host/control.hpp"
#include "session/host/errc.hpp"
#include "session/proof.hpp"
#include "session/receipt.hpp"
#include "tests/session_host/host_world.hpp"

namespace concordat::session::host {
namespace {

using testing::HasSubstr;

void expect_sum(HostWorld& hosts, const std::string& sum) {
  for (const auto& host : hosts.hosts) {
    ASSERT_TRUE(host->ended);
    ASSERT_TRUE(host->ended->status) << host->ended->status.error().to_string();
    const std::string result(base::as_text(host->ended->output->result));
    EXPECT_THAT(result, HasSubstr("\"sum\":\"" + sum + "\""));
  }
}

// All begin and form, and this one waits to be counted.
void hold_count_of(HostWorld& hosts, Host& counting) {
  counting.ledger.hold = true;
  hosts.start_all();
  hosts.run_until([&] {
    return counting.ledger.held && std::ranges::all_of(hosts.hosts, [&](const auto& host) {
             return host.get() == &counting || has_formed(*host);
           });
  });
}

TEST(HostedRun, ThreePartiesFormComputeAndHaveReceipts) {
  HostWorld hosts(3);
  hosts.farewell = std::chrono::hours(24);
  hosts.start_all();
  hosts.run_until_ended();
  expect_sum(hosts, "9");
  for (const auto& host : hosts.hosts) {
    const auto receipt =
        verify_receipt(host->ended->receipt, hosts.world.authorities(), hosts.world.anchors);
    ASSERT_TRUE(receipt) << receipt.error().to_string();
    EXPECT_EQ(receipt->party, host->index);
    EXPECT_EQ(receipt->run, hosts.host(1).ended->run);
    EXPECT_EQ(receipt->result, base::sha256({host->ended->output->result}));
    EXPECT_EQ(host->stages.front(), "forming ");
  }
  // Nobody stays longer than the others need: the farewell's time, a day here, is not waited for.
  hosts.run_until([&] {
    return std::ranges::all_of(hosts.hosts, [](const auto& host) { return host->is_over; });
  });
}

TEST(HostedRun, CountsTheRunsOfAnInputAndRefusesOneTooMany) {
  HostWorld hosts(2);
  hosts.round_time = std::chrono::hours(1);
  hosts.farewell = std::chrono::milliseconds(500);
  hosts.host(2).ledger.limit = 2;
  hosts.start_all();
  hosts.run_until_ended();
  expect_sum(hosts, "6");
  hosts.run_until([&] { return hosts.host(1).is_over && hosts.host(2).is_over; });
  hosts.start_all();
  hosts.run_until_ended();
  const Ended& first = *hosts.host(1).ended;
  ASSERT_FALSE(first.status);
  EXPECT_TRUE(first.status.error().is(FormingErrc::runs_used_up))
      << first.status.error().to_string();
  expect_ended_by(hosts.host(2), 1);
  for (const auto& host : hosts.hosts) {
    ASSERT_EQ(host->ledger.asked.size(), 2u);
    EXPECT_EQ(host->ledger.asked[0].session, hosts.descriptor()->fields().id);
    EXPECT_EQ(host->ledger.asked[0].protocol, "aggregate/1");
    EXPECT_NE(host->ledger.asked[0].run, host->ledger.asked[1].run);
    EXPECT_EQ(host->ledger.asked[1].run, *host->ended->run);
  }
}

TEST(HostedRun, NothingMovesThatNoCustodianCounted) {
  HostWorld hosts(2);
  hosts.round_time = std::chrono::hours(1);
  hosts.farewell = std::chrono::milliseconds(500);
  hold_count_of(hosts, hosts.host(1));
  hosts.host(1).ledger.held(base::Error(Errc::run_not_counted, "nobody is there"));
  hosts.run_until_ended();
  EXPECT_TRUE(hosts.host(1).ended->status.error().is(Errc::run_not_counted));
  expect_ended_by(hosts.host(2), 1);
}

// How long its count is asked for: half of the others' first round, and never past the deadline.
TEST(HostedRun, AsksForItsCountWhileItCanStillTakePart) {
  using std::chrono::minutes;
  for (const minutes left : {minutes(60), minutes(20)}) {
    HostWorld hosts(2);
    hosts.round_time = std::chrono::hours(1);
    hosts.farewell = std::chrono::milliseconds(500);
    hosts.world.wall = hosts.descriptor()->fields().deadline - left;
    const auto before = base::system_monotonic_clock();
    hosts.start_all();
    hosts.run_until_ended();
    expect_sum(hosts, "6");
    const RunToCount& asked = hosts.host(1).ledger.asked.at(0);
    EXPECT_GE(asked.until, before + std::min(minutes(30), left));
    EXPECT_LE(asked.until, base::system_monotonic_clock() + std::min(minutes(30), left));
    EXPECT_FALSE(asked.asker.expired());
    hosts.run_until([&] { return hosts.host(1).is_over; });
    hosts.host(1).run.reset();
    hosts.run_until([&] { return asked.asker.expired(); });
  }
}

// Others begin meanwhile, and streams are cut and made anew: nothing of it is lost.
TEST(HostedRun, WhatComesWhileARunIsCountedWaits) {
  HostWorld hosts(3);
  Host& second = hosts.host(2);
  hold_count_of(hosts, second);
  // The first dials the second anew, the second the third, as soon as it may.
  const std::size_t before = hosts.dials;
  EXPECT_GE(hosts.cut(1, 2), 1u);
  EXPECT_GE(hosts.cut(2, 3), 1u);
  hosts.run_until([&] { return hosts.dials > before; });
  for (int turn = 0; turn < 50; ++turn) {
    hosts.io.restart();
    hosts.io.poll();
  }
  for (const auto& host : hosts.hosts)
    EXPECT_FALSE(host->ended) << "without party 2's input";
  second.ledger.held({});
  hosts.run_until_ended();
  expect_sum(hosts, "9");
  EXPECT_GE(hosts.dials, before + 2);
}

// A farewell that came before this party's own count was answered counts, too.
TEST(HostedRun, WhoeverLeavesWhileARunIsCountedIsNotWaitedFor) {
  HostWorld hosts(2);
  hosts.round_time = std::chrono::hours(1);
  hosts.farewell = std::chrono::milliseconds(500);
  hold_count_of(hosts, hosts.host(1));
  hosts.host(2).run->cancel(base::Error(Errc::cancelled));
  hosts.run_until([&] { return hosts.host(2).is_over; });
  hosts.host(1).ledger.held({});
  hosts.run_until_ended();
  expect_ended_by(hosts.host(1), 2);
}

TEST(HostedRun, ANewerPolicyWhileARunIsCountedJudgesItsSeats) {
  HostWorld hosts(2);
  hosts.host(1).ledger.hold = true;
  hosts.start_all();
  hosts.run_until([&] { return static_cast<bool>(hosts.host(1).ledger.held); });
  hosts.world.edit_policy = [](PartyIndex, std::string text) {
    return test::replaced(std::move(text), "\"serial\": 1", "\"serial\": 2");
  };
  Host& first = hosts.host(1);
  ASSERT_TRUE(first.policies.install(hosts.world.policy(1)->envelope(), hosts.world.wall));
  first.run->policy_changed();
  first.ledger.held({});
  hosts.run_until_ended();
  expect_sum(hosts, "6");
}

TEST(HostedRun, NamesThePartyThatNeverComes) {
  HostWorld hosts(3);
  hosts.forming = std::chrono::milliseconds(1500);
  const DescriptorPtr of = hosts.descriptor();
  for (const PartyIndex index : {1u, 2u})
    ASSERT_TRUE(hosts.start(hosts.host(index), of, "amount\n1\n"));
  hosts.run_until_ended();
  for (const PartyIndex index : {1u, 2u}) {
    const Ended& ended = *hosts.host(index).ended;
    ASSERT_FALSE(ended.status);
    EXPECT_TRUE(ended.status.error().is(FormingErrc::timed_out));
    ASSERT_EQ(ended.named.size(), 1u);
    EXPECT_EQ(ended.named[0].party, 3u);
    EXPECT_THAT(ended.status.error().detail(), HasSubstr("party 3 (party-3)"));
    EXPECT_THAT(ended.named[0].why, HasSubstr("nobody is there"));
    EXPECT_FALSE(ended.run);
    EXPECT_TRUE(hosts.host(index).ledger.asked.empty()) << "nothing formed";
  }
}

// Shares are sealed for the role that its parent gave the enclave.
TEST(HostedRun, SeatsAnEnclaveInItsOwnRoleAlone) {
  HostWorld hosts(3);
  hosts.host(1).party.role = "reports";
  const base::Status started = hosts.start(hosts.host(1), hosts.descriptor(), "amount\n1\n");
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().is(Errc::other_role)) << started.error().to_string();
}

// A relay that shows one enclave of party 3 to party 1, and another to party 2.
TEST(HostedRun, NamesTheFieldInWhichGroupsDiffer) {
  HostWorld hosts(3);
  hosts.forming = std::chrono::milliseconds(6000);
  Host& second = hosts.add(3);
  hosts.route = [&](PartyIndex from, PartyIndex to) {
    return from == 2 && to == 3 ? &second : hosts.hosts.at(to - 1).get();
  };
  hosts.start_all();
  hosts.run_until_ended();
  for (const PartyIndex index : {1u, 2u}) {
    const Ended& ended = *hosts.host(index).ended;
    ASSERT_FALSE(ended.status);
    EXPECT_TRUE(ended.status.error().is(FormingErrc::roster_differs))
        << ended.status.error().to_string();
  }
}

TEST(HostedRun, NamesThePartyOfAnotherImage) {
  HostWorld hosts(2);
  hosts.forming = std::chrono::milliseconds(1500);
  hosts.hosts.pop_back();
  hosts.add(2, true);
  hosts.start_all();
  hosts.run_until_ended();
  const Ended& ended = *hosts.host(1).ended;
  ASSERT_FALSE(ended.status);
  ASSERT_EQ(ended.named.size(), 1u);
  EXPECT_EQ(ended.named[0].party, 2u);
  EXPECT_THAT(ended.named[0].why, HasSubstr("PCR0"));
}

// What is led to another party's enclave gets no seat there, and no input moves.
TEST(HostedRun, AStreamLedToTheWrongEnclaveSeatsNobody) {
  HostWorld hosts(3);
  hosts.forming = std::chrono::milliseconds(2500);
  hosts.route = [&](PartyIndex from, PartyIndex to) {
    return &hosts.host(from == 1 ? 5 - to : to);
  };
  hosts.start_all();
  hosts.run_until_ended();
  for (const auto& host : hosts.hosts) {
    ASSERT_FALSE(host->ended->status);
    EXPECT_FALSE(host->ended->run);
  }
  EXPECT_THAT(hosts.host(3).lines, HasSubstr("this is party 3 (party-3)"));
}

base::Bytes hello_of_a_stranger(HostWorld& hosts, const DescriptorPtr& of) {
  peer::Hello hello;
  hello.key = hosts.world.random.make<peer::PublicKey>();
  hello.challenge = hosts.world.random.make<peer::Challenge>();
  hello.purpose = handshake_purpose(1, 2);
  hello.policy = {0, of->digest()};
  return peer::make_frame(peer::FrameType::hello, peer::encode(hello));
}

// They are gone while documents are made for them, and hold no turn of anybody.
TEST(HostedRun, StrangersThatSendHellosAndGoKeepNoPartyOut) {
  HostWorld hosts(2);
  const DescriptorPtr of = hosts.descriptor();
  Host& second = hosts.host(2);
  ASSERT_TRUE(hosts.start(second, of, "amount\n1\n"));
  const base::Bytes hello = hello_of_a_stranger(hosts, of);
  for (std::uint32_t i = 0; i < 2 * peer::kAdmissionBurst; ++i) {
    namespace local = boost::asio::local;
    local::stream_protocol::socket ours(hosts.io), theirs(hosts.io);
    local::connect_pair(ours, theirs);
    second.run->accept(peer::StreamSocket(std::move(theirs)), hello, "parent/stranger");
    hosts.io.restart();
    hosts.io.poll();
  }
  ASSERT_TRUE(hosts.start(hosts.host(1), of, "amount\n2\n"));
  hosts.run_until_ended();
  expect_sum(hosts, "3");
}

TEST(HostedRun, AStreamThatIsCutAfterFormingIsReplaced) {
  HostWorld hosts(3);
  hosts.start_all();
  // As soon as somebody has formed: others may not have yet, and get their roster on the next one.
  hosts.run_until([&] {
    return std::ranges::any_of(hosts.hosts, [](const auto& host) {
      return std::ranges::any_of(host->stages,
                                 [](const auto& stage) { return stage.starts_with("formed"); });
    });
  });
  const std::size_t before = hosts.dials;
  EXPECT_GE(hosts.cut(1, 2), 1u);
  EXPECT_GE(hosts.cut(2, 3), 1u);
  hosts.run_until_ended();
  expect_sum(hosts, "9");
  EXPECT_GE(hosts.dials, before + 2);
}

TEST(HostedRun, ANewerPolicyWhileItFormsBeginsAnew) {
  HostWorld hosts(2);
  const DescriptorPtr of = hosts.descriptor();
  ASSERT_TRUE(hosts.start(hosts.host(1), of, "amount\n1\n"));
  hosts.world.edit_policy = [](PartyIndex, std::string text) {
    return test::replaced(std::move(text), "\"serial\": 1", "\"serial\": 2");
  };
  Host& first = hosts.host(1);
  ASSERT_TRUE(first.policies.install(hosts.world.policy(1)->envelope(), hosts.world.wall));
  first.run->policy_changed();
  ASSERT_TRUE(hosts.start(hosts.host(2), of, "amount\n2\n"));
  hosts.run_until_ended();
  expect_sum(hosts, "3");
  EXPECT_THAT(first.stages, testing::Contains(HasSubstr("newer policy")));
}

TEST(HostedRun, ANewerPolicyWithoutARuleForItEndsTheRun) {
  HostWorld hosts(2);
  ASSERT_TRUE(hosts.start(hosts.host(1), hosts.descriptor(), "amount\n1\n"));
  hosts.world.edit_policy = [](PartyIndex, std::string text) {
    return test::replaced(test::replaced(std::move(text), "\"serial\": 1", "\"serial\": 2"),
                          "sums/*", "others/*");
  };
  Host& first = hosts.host(1);
  ASSERT_TRUE(first.policies.install(hosts.world.policy(1)->envelope(), hosts.world.wall));
  first.run->policy_changed();
  hosts.run_until_ended();
  ASSERT_FALSE(first.ended->status);
  EXPECT_TRUE(first.ended->status.error().is(policy::AdmissionErrc::session_unknown))
      << first.ended->status.error().to_string();
}

TEST(HostedRun, APolicyThatIsNotUsableAnyMoreEndsTheRun) {
  HostWorld hosts(2);
  ASSERT_TRUE(hosts.start(hosts.host(1), hosts.descriptor(), "amount\n1\n"));
  hosts.host(1).run->policy_lapsed(base::Error(policy::SignatureErrc::expired));
  hosts.run_until_ended();
  EXPECT_TRUE(hosts.host(1).ended->status.error().is(policy::SignatureErrc::expired));
  hosts.run_until([&] { return hosts.host(1).is_over; });
}

TEST(HostedRun, WhereANewerPolicyEndsARunThatIsCountedTheOthersAreTold) {
  HostWorld hosts(2);
  hosts.round_time = std::chrono::hours(1);
  hosts.farewell = std::chrono::milliseconds(500);
  hold_count_of(hosts, hosts.host(1));
  take_rule_away(hosts, hosts.host(1));
  hosts.run_until_ended();
  expect_refused_by_policy(hosts.host(1));
  expect_ended_by(hosts.host(2), 1);
}

// Says more in its round than a channel takes that nobody reads.
class Talkative final : public Protocol {
 public:
  static constexpr std::size_t kMost = 4 * 1024 * 1024;
  explicit Talkative(std::size_t says) : says_(says) {}
  Round rounds() const noexcept override { return 1; }
  RoundShape shape(Round) const noexcept override { return {kMost, 0}; }
  base::Result<Outgoing> send(Round) override { return Outgoing{base::Bytes(says_), {}}; }
  base::Status check_broadcast(Round, PartyIndex, base::BytesView) const override { return {}; }
  base::Status check_letter(Round, PartyIndex, PartyIndex, const base::SecretBytes&,
                            const std::map<PartyIndex, base::Bytes>&) const override {
    return {};
  }
  base::Status receive(Round, Incoming) override { return {}; }
  base::Result<Output> output() override { return Output{}; }

 private:
  std::size_t says_;
};

// The second reads nothing before its run is counted, and gets no more of the round then.
TEST(HostedRun, WhereANewerPolicyEndsARunNothingMoreOfItGoesOut) {
  HostWorld hosts(2);
  hosts.round_time = std::chrono::seconds(2);
  hosts.farewell = std::chrono::milliseconds(500);
  hosts.host(1).deviate = [](const auto&) { return std::make_unique<Talkative>(Talkative::kMost); };
  hosts.host(2).deviate = [](const auto&) { return std::make_unique<Talkative>(1); };
  hold_count_of(hosts, hosts.host(2));
  take_rule_away(hosts, hosts.host(1));
  hosts.run_until([&] { return hosts.host(1).is_over; });
  hosts.host(2).ledger.held({});
  hosts.run_until_ended();
  expect_refused_by_policy(hosts.host(1));
  const Ended& second = *hosts.host(2).ended;
  ASSERT_EQ(second.named.size(), 1u) << second.status.error().to_string();
  EXPECT_EQ(second.named[0].why, "unreachable") << "what ends it comes behind its round";
}

// Work in parts: 500 items are eight of them each time.
TEST(HostedRun, APartyThatComputesForLongDoesSoInParts) {
  HostWorld hosts(2);
  hosts.world.edit_policy = [](PartyIndex, std::string text) {
    return test::replaced(std::move(text), "aggregate/1", "psi_size/1");
  };
  hosts.hosts.clear();
  for (const PartyIndex index : {1u, 2u})
    hosts.add(index);
  hosts.protocol = "psi_size/1";
  hosts.parameters = R"({"max_items": 500})";
  hosts.start_all("a\nb\nc\n");
  hosts.run_until_ended();
  for (const auto& host : hosts.hosts) {
    ASSERT_TRUE(host->ended->status) << host->ended->status.error().to_string();
    EXPECT_EQ(base::as_text(host->ended->output->result), R"({"protocol":"psi_size/1","size":3})");
  }
}

// A party that is gone in the middle of a run is named by those who wait for it.
TEST(HostedRun, APartyThatLeavesARunIsNamedByTheOthers) {
  HostWorld hosts(3);
  hosts.round_time = std::chrono::hours(1);
  hosts.farewell = std::chrono::milliseconds(500);
  Host& third = hosts.host(3);
  hold_count_of(hosts, hosts.host(1));  // or all would be over
  third.run->cancel(base::Error(Errc::cancelled));
  hosts.run_until([&] { return third.is_over; });
  hosts.host(1).ledger.held({});
  hosts.run_until_ended();
  EXPECT_TRUE(third.ended->status.error().is(Errc::cancelled));
  for (const PartyIndex index : {1u, 2u}) {
    ASSERT_EQ(hosts.host(index).ended->named.size(), 1u);
    EXPECT_TRUE(hosts.host(index).ended->named[0].evidence.empty());
  }
  // The other one may have heard it from the first to hear it.
  expect_ended_by(hosts.host(1), hosts.host(1).ended->named[0].party);
  expect_ended_by(hosts.host(2), 3);
}

// Sends another opening than it committed to, and takes its own for right.
class Cheat final : public Protocol {
 public:
  explicit Cheat(std::unique_ptr<Protocol> honest) : honest_(std::move(honest)) {}
  Round rounds() const noexcept override { return honest_->rounds(); }
  RoundShape shape(Round round) const noexcept override { return honest_->shape(round); }
  base::Result<Outgoing> send(Round round) override {
    CONCORDAT_TRY(Outgoing out, honest_->send(round));
    if (round == rounds()) out.broadcast.back() ^= 1;
    return out;
  }
  base::Status check_broadcast(Round, PartyIndex, base::BytesView) const override { return {}; }
  base::Status check_letter(Round, PartyIndex, PartyIndex, const base::SecretBytes&,
                            const std::map<PartyIndex, base::Bytes>&) const override {
    return {};
  }
  base::Status receive(Round round, Incoming incoming) override {
    return honest_->receive(round, std::move(incoming));
  }
  base::Result<Output> output() override { return honest_->output(); }

 private:
  std::unique_ptr<Protocol> honest_;
};

// What the honest parties hand out convinces whoever has the authorities' descriptors alone.
TEST(HostedRun, ACheatIsProvedToWhoeverWasNotThere) {
  HostWorld hosts(3);
  hosts.host(3).deviate = [](std::unique_ptr<Protocol> honest) {
    return std::make_unique<Cheat>(std::move(honest));
  };
  hosts.start_all();
  hosts.run_until([&] { return hosts.host(1).ended && hosts.host(2).ended; });
  for (const PartyIndex index : {1u, 2u}) {
    const Ended& ended = *hosts.host(index).ended;
    ASSERT_EQ(ended.named.size(), 1u) << ended.status.error().to_string();
    EXPECT_EQ(ended.named[0].party, 3u);
    const auto verified = verify_proof(ended.named[0].evidence, hosts.world.authorities(),
                                       hosts.world.anchors, watch_protocol);
    ASSERT_TRUE(verified) << verified.error().to_string();
    EXPECT_EQ(verified->guilty, 3u);
    EXPECT_EQ(verified->what, ended.named[0].why);
    EXPECT_EQ(verified->group.run, *ended.run);
    EXPECT_LE(ended.named[0].evidence.size(), kEvidenceBytes);
  }
}

}  // namespace
}  // namespace concordat::session::host
