// Parties whose memory runs out at one allocation of a run, or at all from then on for a while: the
// run ends at each of them, with its result or without, gives its place back, and the next one has
// its result. And an enclave's door, whose strangers' places come back.
#include <boost/asio/write.hpp>
#include <new>

#include "peer/preface_io.hpp"
#include "session/host/errc.hpp"
#include "session/host/service_io.hpp"
#include "tests/keyservice/memory_shortage.hpp"
#include "tests/session_host/host_world.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::session::host {
namespace {

namespace shortage = test::shortage;

class RunsInShortage : public testing::TestWithParam<shortage::Lasting> {
 protected:
  RunsInShortage() {
    for (const auto& host : hosts_.hosts)
      host->ledger.limit = SIZE_MAX;
  }

  // As the enclave's loop does.
  void turn() {
    hosts_.io.restart();
    try {
      (void)hosts_.io.run_one_for(std::chrono::milliseconds(50));
    } catch (const std::bad_alloc&) {  // of what the test itself does
    }
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      turn();
    }
  }
  [[nodiscard]] bool has_any_failed() const {
    return std::ranges::any_of(
        hosts_.hosts, [](const auto& host) { return host->ended && !host->ended->status; });
  }
  [[nodiscard]] bool are_all(bool (*is)(const Host&)) const {
    return std::ranges::all_of(hosts_.hosts, [&](const auto& host) { return is(*host); });
  }
  // How many allocations failed.
  std::uint64_t run_without(std::uint64_t number) {
    hosts_.start_all();
    shortage::fail(shortage::Of::all_but_openssl, number, GetParam());
    run_until(
        [&] { return has_any_failed() || are_all([](const Host& host) { return host.is_over; }); });
    const std::uint64_t failed = shortage::relieve();
    // Whoever waits for the one that failed waits no longer.
    for (const auto& host : hosts_.hosts)
      host->run->cancel(base::Error(Errc::cancelled));
    run_until([&] { return are_all([](const Host& host) { return host.ended && host.is_over; }); });
    return failed;
  }
  void expect_a_result() {
    hosts_.start_all();
    run_until([&] { return are_all([](const Host& host) { return host.is_over; }); });
    for (const auto& host : hosts_.hosts) {
      ASSERT_TRUE(host->ended);
      EXPECT_TRUE(host->ended->status) << host->ended->status.error().to_string();
    }
  }

  HostWorld hosts_{2};
};

TEST_P(RunsInShortage, EndAndTheNextOneHasItsResult) {
  constexpr std::uint64_t kStep = 7;  // of thousands
  std::uint64_t number = 1;
  std::size_t out_of_memory = 0;
  while (run_without(number) > 0) {
    ASSERT_FALSE(HasFatalFailure()) << "allocation " << number;
    for (const auto& host : hosts_.hosts) {
      const auto& status = host->ended->status;
      out_of_memory += !status && status.error().is(Errc::out_of_memory) ? 1 : 0;
    }
    number += kStep;
  }
  ASSERT_FALSE(HasFatalFailure()) << "allocation " << number;
  EXPECT_GT(out_of_memory, number / kStep / 4) << "few of them were of the run";
  for (const auto& host : hosts_.hosts)
    EXPECT_TRUE(host->ended->status) << "with all memory that it wants";
  expect_a_result();
}

INSTANTIATE_TEST_SUITE_P(Every, RunsInShortage,
                         testing::Values(shortage::Lasting::one, shortage::Lasting::until),
                         [](const auto& of) {
                           return of.param == shortage::Lasting::one ? "Once" : "Until";
                         });

// Its operator hears of it as soon as there is memory for it.
TEST(AttendedRunInShortage, KeepsAResultThatItCannotSay) {
  boost::asio::io_context io{1};
  const Sealing sealing;
  const auto run = std::make_shared<AttendedRun>(io, sealing, test::operator_key().public_key(),
                                                 Patience{}, [] {});
  std::optional<RunEnded> told;
  std::size_t size = 0;
  (void)run->attach([&](const ControlReport& report) {
    if (const auto* const piece = std::get_if<ResultPiece>(&report)) size += piece->bytes.size();
    if (const auto* const end = std::get_if<RunEnded>(&report)) told = *end;
  });
  Ended ended;
  ended.output.emplace();
  ended.output->result = base::Bytes(100);
  {
    const HostedRun::Events events = run->events();
    shortage::fail(shortage::Of::all_but_openssl, 1, shortage::Lasting::until);
    events.ended(std::move(ended));
    EXPECT_GT(shortage::relieve(), 0u);
  }
  EXPECT_FALSE(told);
  EXPECT_FALSE(run->fetched()) << "nobody has it";
  while (!told && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  ASSERT_TRUE(told);
  EXPECT_EQ(told->code, "");
  EXPECT_EQ(size, 100u);
  EXPECT_TRUE(run->fetched());
}

class DoorInShortage : public testing::Test {
 protected:
  using Socket = boost::asio::local::stream_protocol::socket;

  DoorInShortage() {
    service_.emplace(ServiceParts{io_, host_.party, host_.nsm, host_.log,
                                  peer::UnixEndpoint{folder_.path() / "relay"}, host_.ledger,
                                  sealing_});
    service_->serve(peer::Listener::open(io_, peer::UnixEndpoint{door_}).value());
  }
  ~DoorInShortage() override {
    service_.reset();
    turn();
  }
  // Until nothing is to be done.
  void turn() {
    for (bool is_done = false; !is_done;) {
      io_.restart();
      try {
        io_.poll();
        is_done = true;
      } catch (const std::bad_alloc&) {  // as the enclave's loop
      }
    }
  }
  Socket connect() {
    Socket out(io_);
    out.connect(boost::asio::local::stream_protocol::endpoint(door_));
    turn();
    return out;
  }
  static void say_source(Socket& stream, const std::string& source) {
    const base::Bytes preface = peer::encode_preface(peer::Source{source});
    boost::system::error_code ignored;  // one that is not let in shows in the log
    boost::asio::write(stream, boost::asio::buffer(preface), ignored);
  }

  test::TemporaryFolder folder_;
  const std::string door_ = folder_.path() / "door";
  SessionWorld world_{2};
  boost::asio::io_context io_{1};
  Host host_{world_, io_, 1, world_.enclave(1)};
  Sealing sealing_;
  std::optional<Service> service_;
};

TEST_F(DoorInShortage, StreamsThatItEndsGiveTheirPlacesBack) {
  constexpr std::uint64_t kAllocations = 8;  // of what a preface leads to, at least
  std::uint64_t failed = 0;
  for (std::size_t i = 0; i < kAllocations * (Service::kMaxUnread + 1); ++i) {
    Socket stranger = connect();
    say_source(stranger, i % 2 == 0 ? "operator/stranger" : "parent/stranger");
    shortage::fail(shortage::Of::all_but_openssl, i % kAllocations + 1, shortage::Lasting::one);
    turn();
    failed += shortage::relieve();
    stranger.close();
    turn();
  }
  EXPECT_GT(failed, Service::kMaxUnread);
  host_.lines.clear();
  Socket last = connect();
  say_source(last, "operator/last");
  last.close();
  turn();
  EXPECT_NE(host_.lines.find("operator/last"), std::string::npos) << "nobody is let in any more";
}

}  // namespace
}  // namespace concordat::session::host
