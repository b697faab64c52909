#include "bench/timing.hpp"

#include <sched.h>

#include <algorithm>

namespace concordat::bench {
double clock_seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double thread_seconds() {
  return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double seconds_each(const Work& work, double slice_seconds) {
  std::uint64_t times = 1;
  for (;;) {
    const double start = thread_seconds();
    work(times);
    const double spent = thread_seconds() - start;
    if (spent >= slice_seconds / 2) return spent / static_cast<double>(times);
    const double wanted = spent <= 0 ? 16 : std::clamp(slice_seconds / spent * 1.1, 2.0, 16.0);
    times = static_cast<std::uint64_t>(static_cast<double>(times) * wanted);
  }
}

double median_ratio(const std::vector<Work>& works,
                    const std::function<double(const std::vector<double>&)>& ratio, int rounds,
                    double slice_seconds) {
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> seconds;
    for (const Work& work : works)
      seconds.push_back(seconds_each(work, slice_seconds));
    ratios.push_back(ratio(seconds));
  }
  return median(std::move(ratios));
}

BeforeOthers::BeforeOthers() {
  const sched_param first{1};
  (void)sched_setscheduler(0, SCHED_RR, &first);
}

BeforeOthers::~BeforeOthers() {
  const sched_param none{0};
  (void)sched_setscheduler(0, SCHED_OTHER, &none);
}

}  // namespace concordat::bench
