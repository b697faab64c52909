// Two who make a key: what each keeps is stored before either says that there is one, and what is
// decided is decided in time.
#include <gmock/gmock.h>

#include "session/host/errc.hpp"
#include "session/receipt.hpp"
#include "tests/session_host/host_world.hpp"

namespace concordat::session::host {
namespace {

using testing::HasSubstr;

// Each has a share before either says that there is one.
class KeyMaking : public testing::Test {
 protected:
  KeyMaking() {
    hosts_.world.edit_policy = [](PartyIndex, std::string text) {
      return concordat::test::replaced(std::move(text), "aggregate/1", "frost-keygen/1");
    };
    hosts_.hosts.clear();
    for (const PartyIndex index : {1u, 2u})
      hosts_.add(index);
    hosts_.protocol = "frost-keygen/1";
    hosts_.parameters = "{}";
    hosts_.round_time = std::chrono::seconds(5);
    hosts_.farewell = std::chrono::milliseconds(500);
    hosts_.start_all("");
    hosts_.run_until([this] { return hosts_.host(1).stored && hosts_.host(2).stored; });
  }
  HostWorld hosts_{2};
};

TEST_F(KeyMaking, NoResultIsConfirmedBeforeTheShareIsStored) {
  hosts_.host(1).stored({});
  // The other one's confirmation is lacking, and nothing else.
  for (int turn = 0; turn < 50; ++turn) {
    hosts_.io.restart();
    hosts_.io.poll();
  }
  EXPECT_FALSE(hosts_.host(1).ended);
  hosts_.host(2).stored({});
  hosts_.run_until_ended();
  for (const auto& host : hosts_.hosts) {
    ASSERT_TRUE(host->ended->status) << host->ended->status.error().to_string();
    EXPECT_FALSE(host->kept.empty());
    EXPECT_TRUE(host->ledger.asked.empty()) << "there is no input that it could be a run of";
  }
  EXPECT_FALSE(hosts_.host(1).kept == hosts_.host(2).kept);
}

// Nobody waits for the end of a round, and nobody has a key.
TEST_F(KeyMaking, WhereANewerPolicyEndsItTheOthersAreTold) {
  take_rule_away(hosts_, hosts_.host(1));
  hosts_.run_until_ended();
  expect_refused_by_policy(hosts_.host(1));
  expect_ended_by(hosts_.host(2), 1);
}

TEST_F(KeyMaking, NothingIsDecidedAfterTheDeadline) {
  hosts_.host(1).stored({});
  hosts_.world.wall = hosts_.descriptor()->fields().deadline;
  hosts_.host(2).stored({});
  hosts_.run_until_ended();
  for (const auto& host : hosts_.hosts) {
    ASSERT_FALSE(host->ended->status);
    EXPECT_TRUE(host->ended->status.error().is(DescriptorErrc::deadline_passed))
        << host->ended->status.error().to_string();
    EXPECT_FALSE(host->ended->output);
  }
}

// The deadline passes between the last confirmation and the receipt.
TEST_F(KeyMaking, WhatWasDecidedWithinTheDeadlineHasAReceiptThatVerifies) {
  hosts_.host(1).stored({});
  for (int turn = 0; turn < 50; ++turn) {
    hosts_.io.restart();
    hosts_.io.poll();
  }
  const base::UnixMillis deadline = hosts_.descriptor()->fields().deadline;
  // Asked until the world is gone.
  hosts_.host(2).party.clock =
      [wall = base::UnixMillis{deadline.value - 1}]() mutable -> base::Result<peer::Now> {
    const peer::Now now{wall, base::system_monotonic_clock()};
    wall = wall + std::chrono::seconds(1);
    return now;
  };
  hosts_.host(2).stored({});
  hosts_.run_until_ended();
  for (const auto& host : hosts_.hosts) {
    ASSERT_TRUE(host->ended->status) << host->ended->status.error().to_string();
    const auto receipt =
        verify_receipt(host->ended->receipt, hosts_.world.authorities(), hosts_.world.anchors);
    EXPECT_TRUE(receipt) << receipt.error().to_string();
  }
}

TEST_F(KeyMaking, AShareThatCannotBeStoredLeavesNobodyWithAKey) {
  hosts_.host(1).stored({});
  hosts_.host(2).stored(base::Error(Errc::cancelled, "the disk is full"));
  hosts_.run_until_ended();
  EXPECT_FALSE(hosts_.host(1).ended->status);
  ASSERT_FALSE(hosts_.host(2).ended->status);
  EXPECT_THAT(hosts_.host(2).ended->status.error().detail(), HasSubstr("the disk is full"));
}

}  // namespace
}  // namespace concordat::session::host
