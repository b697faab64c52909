// The custodian as its workers see it: three processes, channel and relay between them.
#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <stdexcept>
#include <thread>

#include "attest/base/secret_access.hpp"
#include "bench/custody_world.hpp"
#include "bench/timing.hpp"
#include "keyservice/keyring/signing.hpp"
#include "peer/channel.hpp"

namespace concordat::bench {
namespace {

using namespace keyservice;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMessageSize = 64;
constexpr std::size_t kInFlight = 256;
constexpr std::size_t kManyKeys = 10'000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A custodian at work, and a worker that was served once.
struct AtWork {
  explicit AtWork(bool is_audited) : world(0, is_audited) { worker.wait_until_served(); }
  CustodyWorld world;
  std::unique_ptr<Child> custodian = world.start_custodian();
  BenchWorker worker{world};
};
AtWork& at_work() {
  static AtWork instance(false);
  return instance;
}
AtWork& audited_at_work() {
  static AtWork instance(true);
  return instance;
}

// Requests a second with as many in flight as a pipelining worker has.
double pipelined_rate(BenchWorker& worker, const std::function<RequestBody()>& request,
                      double seconds) {
  std::size_t in_flight = 0, answered = 0;
  const auto start = Clock::now();
  const std::function<void()> send = [&] {
    ++in_flight;
    worker.request(request(), [&](bool served) {
      if (!served) throw std::runtime_error("custody bench: refused");
      --in_flight;
      ++answered;
      if (seconds_since(start) < seconds) send();
    });
  };
  while (in_flight < kInFlight)
    send();
  worker.io().restart();
  while (in_flight > 0)
    worker.io().run_one();
  return static_cast<double>(answered) / seconds_since(start);
}

// Signs and seals the answer's bytes, in one process, and nothing else.
double signing_rate(double seconds) {
  const auto root = Root::create(1, base::SecretBytes::random(kRootSize)).value();
  const KeyInUse key{CustodyWorld::kKeyName, KeyType::derived, 1, nullptr, &root, true};
  const Signer signer = Signer::create(key).value();
  const base::Bytes message(kMessageSize, 7);
  const auto sealer = [] {
    base::Bytes bytes(peer::kAeadKeySize, 7);
    return peer::Sealer({base::SecretBytes::take(bytes), {}}, {}, {});
  };
  peer::Sealer sealing = sealer();
  base::Bytes record;
  std::uint64_t made = 0;
  const auto start = Clock::now();
  while (seconds_since(start) < seconds) {
    if (made % (peer::kMaxChannelRecords / 2) == 0) sealing = sealer();
    const auto answer = encode(made++, MadeEnvelope{encode(signer.sign(message).value())});
    record.clear();
    if (!sealing.seal(answer.expose(base::SecretAccess{}), {}, record))
      throw std::runtime_error("record failed");
  }
  return static_cast<double>(made) / seconds_since(start);
}

RequestBody sign_request() {
  return SignRequest{CustodyWorld::kKeyName, base::Bytes(kMessageSize, 7)};
}

double sign_ratio(int rounds, double slice) {
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double floor = signing_rate(slice);
    ratios.push_back(pipelined_rate(at_work().worker, sign_request, 2 * slice) / floor);
  }
  return median(std::move(ratios));
}

double audit_ratio(int rounds, double slice) {
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double without = pipelined_rate(at_work().worker, sign_request, 2 * slice);
    const double with = pipelined_rate(audited_at_work().worker, sign_request, 2 * slice);
    ratios.push_back(with / without);
  }
  return median(std::move(ratios));
}

RequestBody get_request() {
  return GetRequest{CustodyWorld::kKeyName, 0};
}

// Latencies of gets that begin at their own times, whether earlier ones were answered or not.
std::vector<double> latencies(BenchWorker& worker, double rate, double seconds) {
  std::vector<double> out;
  std::size_t in_flight = 0;
  boost::asio::steady_timer timer(worker.io());
  const auto start = Clock::now();
  const auto interval = std::chrono::duration<double>(1 / rate);
  worker.io().restart();
  for (std::size_t i = 0; static_cast<double>(i) < rate * seconds; ++i) {
    const auto due =
        start + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(i));
    if (Clock::now() < due) {
      // A timer, because the io_context's own waiting ends at whole milliseconds.
      timer.expires_at(due);
      bool is_due = false;
      timer.async_wait([&is_due](boost::system::error_code) { is_due = true; });
      while (!is_due)
        worker.io().run_one();
    } else {
      worker.io().poll();  // what came meanwhile, without a wait: others are due, too
    }
    // Behind by more than a link takes: the requests wait here, and their time runs.
    while (in_flight >= PendingRequests::kMaxPending)
      worker.io().run_one();
    ++in_flight;
    worker.request(get_request(), [&out, &in_flight, due](bool) {
      --in_flight;
      out.push_back(seconds_since(due));
    });
  }
  worker.io().restart();
  while (in_flight > 0)
    worker.io().run_one();
  return out;
}

// Gets a second at which requests that come one by one would take all the processors' time, told
// from what each takes of it at a pace that leaves the processors idle. A pipelining worker reaches
// several times as many, because what waits together travels together.
double one_by_one_rate(AtWork& at, double seconds) {
  constexpr double kPace = 2'000;
  const auto spent = [&] {
    return std::array{thread_seconds(), at.world.parent().seconds(), at.custodian->seconds()};
  };
  const auto before = spent();
  const auto count = static_cast<double>(latencies(at.worker, kPace, seconds).size());
  const auto after = spent();
  double all = 0, busiest = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    all += (after[i] - before[i]) / count;
    busiest = std::max(busiest, (after[i] - before[i]) / count);
  }
  // Each of the three has one thread.
  return std::min(std::thread::hardware_concurrency() / all, 1 / busiest);
}

double tail_ratio(int rounds, double slice) {
  constexpr int kRuns = 5;
  const BeforeOthers turn;
  static AtWork at(false);  // made in this turn, which its processes inherit
  std::vector<double> ratios;
  const double seconds = 4 * slice;
  for (int run = 0; run < std::min(rounds, kRuns); ++run) {
    const double half = one_by_one_rate(at, 2 * slice) / 2;
    auto all = latencies(at.worker, half, seconds);
    std::ranges::sort(all);
    ratios.push_back(all[all.size() * 99 / 100] / all[all.size() / 2]);
  }
  return median(std::move(ratios));
}

// From the custodian's first instruction to the first answer that a worker gets.
double start_seconds(CustodyWorld& world) {
  const auto start = Clock::now();
  const auto custodian = world.start_custodian();
  BenchWorker worker(world);
  worker.wait_until_served();
  return seconds_since(start);
}

double restart_ratio(int, double) {
  constexpr int kStarts = 9;
  static CustodyWorld none(0), many(kManyKeys);
  std::vector<double> ratios;
  for (int i = 0; i < kStarts; ++i) {
    const double without = start_seconds(none);
    ratios.push_back(start_seconds(many) / without);
  }
  return median(std::move(ratios));
}

// Requests that were not answered when, of two custodians, the one that is asked is killed under
// load.
double lost_requests(int, double slice) {
  CustodyWorld world(0);
  std::map<std::string, std::unique_ptr<Child>> custodians;
  for (const char* name : {CustodyWorld::kCustodian, CustodyWorld::kOther})
    custodians[name] = world.start_custodian(name);
  BenchWorker worker(world, {CustodyWorld::kCustodian, CustodyWorld::kOther});
  // The other one, too, has its root and its keyring: each is asked once.
  for (const char* name : {CustodyWorld::kCustodian, CustodyWorld::kOther})
    BenchWorker(world, {name}).wait_until_served();
  worker.wait_until_served();
  std::size_t in_flight = 0, lost = 0, answered_since = 0;
  bool is_killed = false;
  const auto start = Clock::now();
  const std::function<void()> send = [&] {
    ++in_flight;
    RequestBody body = SignRequest{CustodyWorld::kKeyName, base::Bytes(kMessageSize, 7)};
    worker.link().request(std::move(body), [&](const base::Result<ResponseBody>& answer) {
      --in_flight;
      const bool is_served = answer && !std::holds_alternative<Failure>(*answer);
      lost += is_served ? 0 : 1;
      answered_since += is_served && is_killed ? 1 : 0;
      if (seconds_since(start) < 4 * slice) send();
    });
  };
  worker.io().restart();
  while (in_flight < kInFlight)
    send();
  while (in_flight > 0) {
    worker.io().run_one();
    if (is_killed || seconds_since(start) < slice) continue;
    is_killed = true;
    custodians.erase(worker.link().custodian());
  }
  if (answered_since < kInFlight) throw std::runtime_error("failover bench: nobody took over");
  return static_cast<double>(lost);
}

}  // namespace

std::vector<Ratio> custody_ratios() {
  return {
      {"custody_sign",
       "Ed25519 signatures a second from worker through relay to custodian and back, over one "
       "process that signs and seals the same",
       true, 0.5, sign_ratio},
      {"audit_overhead",
       "the same with every use in the audit log before it is answered, over without", true, 0.7,
       audit_ratio},
      {"custody_get_tail",
       "p99 over p50 of a worker's get, at half of what gets one by one may load the processors",
       false, 5, tail_ratio},
      {"custody_restart", "custodian's start to first answer with 10,000 keys, over one with none",
       false, 2, restart_ratio},
      {"failover",
       "requests lost when one of two custodians is killed under load, 256 of them under way",
       false, 0, lost_requests},
  };
}

}  // namespace concordat::bench
