// The handshake against the signatures and key agreements that it cannot avoid, and records against
// bare AES-256-GCM.
#include <benchmark/benchmark.h>

#include <stdexcept>

#include "bench/handshake.hpp"
#include "bench/raw.hpp"
#include "peer/channel.hpp"
#include "tests/peer/dialogue.hpp"

namespace concordat::bench {
namespace {

// A worker and a custodian whose leaves are known to each other, ready to shake hands.
struct Parties {
  Parties() {
    peer::Dialogue first(world, worker, custodian);
    first.run();  // fills the chain cache and makes the leaf certificates
    if (!first.both_established()) throw std::runtime_error("handshake failed");
  }
  test::TestWorld world;
  test::TestEnclave worker{world, "payments-1", "payments"};
  test::TestEnclave custodian{world, "custodian-1", "custodian"};
};

Parties& parties() {
  static Parties instance;
  return instance;
}

}  // namespace

// Policies are parsed when a dialogue is made, not when it runs: that is done ahead, in batches.
double handshake_seconds(double slice) {
  constexpr int kBatch = 20;
  Parties& p = parties();
  double total = 0;
  int done = 0;
  while (total < slice) {
    std::vector<std::unique_ptr<peer::Dialogue>> ready;
    for (int i = 0; i < kBatch; ++i) {
      ready.push_back(std::make_unique<peer::Dialogue>(p.world, p.worker, p.custodian));
    }
    const double start = thread_seconds();
    for (const auto& dialogue : ready)
      dialogue->run();
    total += thread_seconds() - start;
    done += kBatch;
    for (const auto& dialogue : ready) {
      if (!dialogue->both_established()) throw std::runtime_error("handshake failed");
    }
  }
  return total / done;
}

namespace {

double handshake_ratio(int rounds, double slice) {
  static const RawP384 raw(4800);  // what a document's signature covers
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double handshake = handshake_seconds(slice);
    const double floor = 2 * seconds_each(raw.verification(), slice) +
                         2 * seconds_each(raw.signing(), slice) +
                         4 * seconds_each(raw_x25519(), slice);
    ratios.push_back(handshake / floor);
  }
  return median(std::move(ratios));
}

// One direction of a channel, as both ends see it.
class RecordPath {
 public:
  explicit RecordPath(std::size_t size)
      : payload_(size, 0x5a), plain_(size), sealer_(key(), {}, {}), opener_(key(), {}, {}) {}

  void run() {
    record_.clear();
    if (records_++ == peer::kMaxChannelRecords / 2) renew();
    if (!sealer_.seal(payload_, {}, record_) ||
        !opener_.open({peer::FrameType::data, record_}, {}, plain_)) {
      throw std::runtime_error("record failed");
    }
  }

 private:
  static peer::KeyAndNonce key() {
    base::Bytes bytes(peer::kAeadKeySize, 7);
    return {base::SecretBytes::take(bytes), {}};
  }
  void renew() {
    records_ = 0;
    sealer_ = peer::Sealer(key(), {}, {});
    opener_ = peer::Opener(key(), {}, {});
  }

  base::Bytes payload_, plain_, record_;
  peer::Sealer sealer_;
  peer::Opener opener_;
  std::uint64_t records_ = 0;
};

Work records(std::size_t size) {
  return [path = std::make_shared<RecordPath>(size)](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      path->run();
  };
}

void handshake_both_sides(benchmark::State& state) {
  Parties& p = parties();
  for (auto _ : state) {
    state.PauseTiming();
    peer::Dialogue dialogue(p.world, p.worker, p.custodian);
    state.ResumeTiming();
    dialogue.run();
  }
}
BENCHMARK(handshake_both_sides);

void record_seal_and_open(benchmark::State& state) {
  const auto work = records(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    work(1);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(record_seal_and_open)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);

void raw_aes_gcm(benchmark::State& state) {
  const auto work = raw_aes_gcm_both_ways(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    work(1);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(raw_aes_gcm)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);

}  // namespace

std::vector<Ratio> peer_ratios() {
  return {{"handshake_full",
           "CPU of both ends with known leaves, over 2 verifications, 2 signatures and 4 X25519",
           false, 1.15, handshake_ratio},
          {"record_16k", "records of 16 KiB sealed and opened a second, over raw AES-256-GCM", true,
           0.85, [](int rounds, double slice) {
             return median_ratio(
                 {records(16384), raw_aes_gcm_both_ways(16384)},
                 [](const auto& s) { return s[1] / s[0]; }, rounds, slice);
           }}};
}

}  // namespace concordat::bench
