// What BENCHMARK_CAPTURE runs.
#pragma once

#include <benchmark/benchmark.h>

#include "bench/timing.hpp"

namespace concordat::bench {

inline void run(benchmark::State& state, Work (*make)()) {
  const Work work = make();
  work(1);  // fills caches that are to be full
  for (auto _ : state)
    work(1);
}

}  // namespace concordat::bench
