// Enclaves that host runs, each with its policy and NSM, on one io_context; and the streams between
// them, which tests lead elsewhere, cut and listen to.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "session/host/errc.hpp"
#include "session/host/hosted_run_io.hpp"
#include "session/protocols.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session::host {

inline constexpr const char* kSums = R"({"max_rows": 10, "numbers": {"amount": {"max": "1000"}},)"
                                     R"( "results": [{"name": "all", "of": {"amount": ["sum"]}}]})";

// In memory, or whatever a test makes of it; answers at once.
class TestLedger final : public RunLedger {
 public:
  void count(RunToCount run, Done done) override {
    asked.push_back(run);
    if (hold) {
      held = std::move(done);
      return;
    }
    auto& runs = runs_[run.input];
    if (!runs.contains(run.run) && runs.size() >= limit) {
      return done(base::Error(FormingErrc::runs_used_up));
    }
    runs.insert(run.run);
    done({});
  }
  std::size_t limit = 1;
  std::vector<RunToCount> asked;
  bool hold = false;  // the answer is the test's
  Done held;

 private:
  std::map<InputDigest, std::set<RunId>> runs_;
};

// A party's enclave.
struct Host {
  Host(SessionWorld& world, boost::asio::io_context& io, PartyIndex party_index,
       std::unique_ptr<lab::SoftwareNsm> device)
      : index(party_index),
        policies(world.realm_of(index).authority),
        enclave(std::move(device)),
        nsm(*enclave, io, peer::kMaxHalfOpen),
        log("host", [this](std::string_view line) { lines += std::string(line) + "\n"; }) {
    (void)policies.install(world.policy(index)->envelope(), world.wall).value();
    party.role = "payments";
    party.own_pcr16 = world.realm_of(index).authority.pcr16();
    party.anchors = &world.anchors;
    party.chain_cache = &world.cache;
    party.random = &world.random;
    party.policies = &policies;
    party.clock = [&world]() -> base::Result<peer::Now> {
      return peer::Now{world.wall, base::system_monotonic_clock()};
    };
  }

  PartyIndex index;
  policy::PolicyInForce policies;
  std::unique_ptr<lab::SoftwareNsm> enclave;
  peer::Party party;
  peer::NsmWorker nsm;
  TestLedger ledger;
  std::string lines;
  base::Logger log;
  // Of a party that cheats.
  std::function<std::unique_ptr<Protocol>(std::unique_ptr<Protocol>)> deviate;
  std::shared_ptr<HostedRun> run;
  std::vector<std::string> stages;
  std::optional<Ended> ended;
  bool is_over = false;
  // What it was given to keep, and whom to tell that it is stored.
  base::SecretBytes kept;
  std::function<void(base::Status)> stored;
};

class HostWorld {
 public:
  explicit HostWorld(std::size_t parties) : world(parties) {
    for (PartyIndex index = 1; index <= parties; ++index)
      add(index);
    route = [this](PartyIndex, PartyIndex to) { return hosts.at(to - 1).get(); };
  }
  ~HostWorld() {
    for (const Stream& stream : streams_)
      ::close(stream.end);
    for (const auto& host : hosts) {
      if (host->run) host->run->cancel(base::Error(peer::StreamErrc::ended));
    }
    io.restart();
    io.poll();
  }

  Host& add(PartyIndex index, bool is_altered = false) {
    hosts.push_back(std::make_unique<Host>(world, io, index, world.enclave(index, is_altered)));
    return *hosts.back();
  }
  [[nodiscard]] Host& host(PartyIndex index) { return *hosts.at(index - 1); }

  [[nodiscard]] DescriptorPtr descriptor() const {
    DescriptorFields fields = world.fields();
    fields.protocol = protocol;
    fields.parameters = base::to_bytes(base::as_bytes(parameters));
    fields.round_time = round_time;
    return VerifiedDescriptor::verify(world.sign(encode_descriptor(fields).value()),
                                      world.authorities(), take_any)
        .value();
  }

  [[nodiscard]] base::Status start(Host& host, const DescriptorPtr& of, const std::string& table) {
    Order order;
    order.descriptor = of;
    order.self = host.index;
    order.forming = forming;
    order.farewell = farewell;
    const DescriptorFields& fields = of->fields();
    CONCORDAT_TRY(const ProtocolKind kind, find_protocol(fields.protocol));
    CONCORDAT_TRY(order.intake,
                  kind.take(fields.parameters, fields.parties.size(), fields.threshold));
    if (!table.empty()) CONCORDAT_CHECK(order.intake->feed(base::as_bytes(table)));
    if (!table.empty())
      order.input = InputDigest::from(base::sha256({base::as_bytes(table)}).view()).value();
    host.ended.reset();
    host.is_over = false;
    CONCORDAT_TRY(
        host.run,
        HostedRun::start(
            {io, host.party, host.nsm, host.ledger, host.log,
             [this, from = host.index](const PartyEntry& to, peer::ConnectHandler handler) {
               connect(from, to.name, std::move(handler));
             },
             host.deviate},
            std::move(order),
            {[&host](Stage stage, const std::string& detail) {
               host.stages.push_back(std::string(to_string(stage)) + " " + detail);
             },
             [&host](const Output& output, auto done) {
               host.kept = output.kept.clone();
               host.stored = std::move(done);
             },
             [&host](Ended ended) { host.ended.emplace(std::move(ended)); },
             [&host] { host.is_over = true; }}));
    return {};
  }
  void start_all(const std::string& table = "amount\n1\n2\n") {
    const DescriptorPtr of = descriptor();
    for (const auto& each : hosts)
      ASSERT_TRUE(start(*each, of, table));
  }

  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    io.restart();
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      (void)io.run_one_for(std::chrono::milliseconds(50));
      io.restart();
    }
  }
  void run_until_ended() {
    run_until([this] {
      return std::ranges::all_of(
          hosts, [](const auto& each) { return !each->run || each->ended.has_value(); });
    });
  }

  // Every stream between these two ends now.
  std::size_t cut(PartyIndex one, PartyIndex other) {
    std::size_t count = 0;
    for (const Stream& stream : streams_) {
      const bool is_theirs =
          (stream.from == one && stream.to == other) || (stream.from == other && stream.to == one);
      if (is_theirs && ::shutdown(stream.end, SHUT_RDWR) == 0) ++count;
    }
    return count;
  }

  SessionWorld world;
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<Host>> hosts;
  // Where a stream to a party leads; nullptr: nowhere.
  std::function<Host*(PartyIndex from, PartyIndex to)> route;
  std::chrono::milliseconds forming = std::chrono::seconds(60);
  std::chrono::milliseconds farewell = std::chrono::seconds(10);
  std::chrono::seconds round_time{60};
  std::string protocol = "aggregate/1", parameters = kSums;
  std::size_t dials = 0;

 private:
  struct Stream {
    PartyIndex from, to;
    int end;  // a copy of the dialler's
  };

  void connect(PartyIndex from, const std::string& name, const peer::ConnectHandler& handler) {
    const auto to = static_cast<PartyIndex>(std::stoul(name.substr(name.find('-') + 1)));
    Host* const target = route(from, to);
    ++dials;
    int ends[2];
    const bool is_made = target != nullptr && target->run && !target->is_over &&
                         ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
    if (!is_made) {
      boost::asio::post(io, [handler] {
        handler(base::Error(peer::StreamErrc::cannot_connect, "nobody is there"));
      });
      return;
    }
    streams_.push_back({from, to, ::dup(ends[0])});
    const auto stream = [this](int end) {
      return peer::StreamSocket(boost::asio::local::stream_protocol::socket(
          io, boost::asio::local::stream_protocol(), end));
    };
    auto ours = std::make_shared<peer::StreamSocket>(stream(ends[0]));
    boost::asio::post(io, [handler, ours] { handler(std::move(*ours)); });
    target->run->accept(stream(ends[1]), {}, "parent/" + std::to_string(from));
  }

  std::vector<Stream> streams_;
};

inline bool has_formed(const Host& host) {
  return std::ranges::any_of(host.stages,
                             [](const auto& stage) { return stage.starts_with("formed"); });
}

// `by` ended the run of its own accord and said so: a round, an hour here, is not waited for.
inline void expect_ended_by(const Host& host, PartyIndex by) {
  ASSERT_TRUE(host.ended);
  ASSERT_FALSE(host.ended->status);
  EXPECT_TRUE(host.ended->status.error().is(Errc::run_stopped))
      << host.ended->status.error().to_string();
  ASSERT_EQ(host.ended->named.size(), 1u);
  EXPECT_EQ(host.ended->named[0].party, by);
  EXPECT_EQ(host.ended->named[0].why, "ended_by_another");
}

// Its policy has no rule for the run any more.
inline void take_rule_away(HostWorld& hosts, Host& from) {
  const auto listed = hosts.world.edit_policy;
  hosts.world.edit_policy = [listed](PartyIndex index, std::string text) {
    if (listed) text = listed(index, std::move(text));
    return test::replaced(test::replaced(std::move(text), "\"serial\": 1", "\"serial\": 2"),
                          "sums/*", "others/*");
  };
  ASSERT_TRUE(from.policies.install(hosts.world.policy(from.index)->envelope(), hosts.world.wall));
  from.run->policy_changed();
}

inline void expect_refused_by_policy(const Host& host) {
  ASSERT_TRUE(host.ended);
  ASSERT_FALSE(host.ended->status);
  EXPECT_TRUE(host.ended->status.error().is(Errc::policy_refuses))
      << host.ended->status.error().to_string();
}

}  // namespace concordat::session::host
