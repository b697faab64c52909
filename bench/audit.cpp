// Checking an audit log, beside hashing its bytes once.

#include <stdexcept>

#include "attest/base/hash.hpp"
#include "bench/capture.hpp"
#include "bench/timing.hpp"
#include "keyservice/audit/verify.hpp"
#include "tests/audit/log_fixture.hpp"

namespace concordat::bench {
namespace {

namespace audit = keyservice::audit;

constexpr std::uint64_t kEntries = 1'000'000;

// A log of so many uses of keys, as a custodian logs them: each names the worker's document and the
// policy.
struct Logged {
  Logged() {
    test::SharedFiles shared;
    const auto boot = world.opened(shared, 1);
    const auto admission = world.admission();
    audit::Event event = world.use(1);
    event.subject->id = admission.event.subject->id;
    for (const audit::Evidence& each : admission.evidence)
      event.evidence.push_back(each.ref());
    if (!world.append(*boot, admission.event, admission.evidence)) throw std::runtime_error("log");
    boot->store.holds_answers = true;
    for (std::uint64_t i = 2; i < kEntries; ++i) {
      event.key = audit::KeyVersionName{"payments/card-" + std::to_string(i % 1000), 1};
      boot->log->append(event, {}, test::kNow, {});
      if (boot->log->pending() == audit::kMaxBatchEntries) boot->store.release();
    }
    boot->store.holds_answers = false;
    while (boot->log->pending() != 0)
      boot->store.release();
    files = test::exported(shared.files);
  }
  void verify() const {
    const audit::Report report = world.verify(files);
    if (!report.is_good() || report.entries != kEntries) {
      throw std::runtime_error(test::told(report));
    }
  }
  // Each entry and each other file by itself.
  void hash() const {
    std::vector<base::BytesView> entries;
    for (const auto& [name, content] : files) {
      if (name.starts_with("tile/entries/")) {
        if (!audit::split_bundle(content, entries)) throw std::runtime_error(name);
        for (const base::BytesView entry : entries)
          benchmark::DoNotOptimize(base::sha256({entry}));
      } else {
        benchmark::DoNotOptimize(base::sha256({content}));
      }
    }
  }
  // All in one go.
  void hash_as_one() const {
    base::Sha256 hasher;
    for (const auto& [name, content] : files)
      hasher.update(content);
    benchmark::DoNotOptimize(hasher.finish());
  }

  test::AuditWorld world;
  test::Files files;
};

const Logged& logged() {
  static const Logged log;
  return log;
}

Work verification() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      logged().verify();
  };
}

Work hashing() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      logged().hash();
  };
}

Work hashing_as_one() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      logged().hash_as_one();
  };
}

BENCHMARK_CAPTURE(run, audit_verify, &verification);
BENCHMARK_CAPTURE(run, audit_hash, &hashing);
BENCHMARK_CAPTURE(run, audit_hash_as_one, &hashing_as_one);

}  // namespace

std::vector<Ratio> audit_ratios() {
  return {
      {"audit_verify",
       "an audit log of a million entries checked, over SHA-256 of each of them and of every file",
       false, 3, [](int rounds, double slice) {
         (void)logged();
         return median_ratio(
             {verification(), hashing()}, [](const auto& s) { return s[0] / s[1]; }, rounds, slice);
       }}};
}

}  // namespace concordat::bench
