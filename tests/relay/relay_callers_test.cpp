// How many callers a relay keeps apart, and that strangers keep out nobody.
#include "tests/relay/relay_fixture.hpp"

namespace concordat::test {
namespace {

using namespace std::chrono_literals;
using peer::Answer;
using peer::Preface;
using peer::Source;
using peer::relay::CallerCounters;
using peer::relay::kMaxCallers;
using peer::relay::Limits;
using peer::relay::Route;

Source parent(std::size_t number) {
  return {"parent/" + std::to_string(number)};
}

class Callers : public RelayTest {
 protected:
  Callers() {
    Limits limits;
    limits.streams_per_second = 1'000'000;  // full again at once
    limits.preface_timeout = 1h;
    start(limits);
    route("parent/http", Route::Kind::service, {});
  }
  // From here on.
  void call_as(const Source& who) {
    thread_.call([&] { caller_ = who; });
  }
  void expect_served(const Source& who) {
    call_as(who);
    EXPECT_EQ(base::as_text(open("parent/http").read_to_end()), "served") << who.text;
    wait_until_gone(who);
  }
  void wait_until_gone(const Source& who) {
    while (counters(who.text).active != 0)
      std::this_thread::yield();
  }
  // A stream that says nothing, and counts.
  [[nodiscard]] Wire hold(const Source& who) {
    call_as(who);
    Wire out = Wire::connect(front_);
    while (counters(who.text).active == 0)
      std::this_thread::yield();
    return out;
  }
  [[nodiscard]] std::uint64_t accepted() {
    std::uint64_t out = 0;
    for (const auto& [name, caller] : snapshot().callers)
      out += caller.accepted;
    return out;
  }
};

TEST_F(Callers, WhoIsGoneMakesRoomAndIsCountedOn) {
  const Wire held = hold(parent(0));
  for (std::size_t i = 1; i < kMaxCallers; ++i)
    expect_served(parent(i));
  expect_served(Source{"parent/late"});
  EXPECT_EQ(counters("parent/late").accepted, 1u) << "a caller by itself";
  EXPECT_EQ(counters("parent/0").active, 1u) << "one that is there is not forgotten";
  EXPECT_LE(snapshot().callers.size(), kMaxCallers + 1) << "and the others";
  EXPECT_EQ(accepted(), kMaxCallers + 1);
}

TEST_F(Callers, WhoComesWhenAllPlacesAreTakenSharesOne) {
  std::vector<Wire> held;
  for (std::size_t i = 0; i < kMaxCallers; ++i)
    held.push_back(hold(parent(i)));
  for (const char* late : {"parent/late", "parent/later"}) {
    call_as({late});
    EXPECT_EQ(base::as_text(open("parent/http").read_to_end()), "served");
    EXPECT_EQ(snapshot().callers.count(late), 0u);
  }
  EXPECT_EQ(counters("parent/others").accepted, 2u);
  // The parent's own enclaves are never among strangers.
  expect_served(Source{"enclave/worker-1"});
  EXPECT_EQ(counters("enclave/worker-1").accepted, 1u);
  held.front().close();
  wait_until_gone(parent(0));
  expect_served(Source{"parent/last"});
  EXPECT_EQ(counters("parent/last").accepted, 1u);
}

}  // namespace
}  // namespace concordat::test
