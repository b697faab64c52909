// Ratios between a piece of work and the raw operations it cannot avoid, measured in one process in
// turns, so that whatever else the machine does meanwhile hits both alike.
#pragma once

#include <time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace concordat::bench {

// Does the work `times` over.
using Work = std::function<void(std::uint64_t times)>;

// What the clock shows, in seconds.
[[nodiscard]] double clock_seconds(clockid_t clock);
// CPU time of this thread so far.
[[nodiscard]] double thread_seconds();
[[nodiscard]] double median(std::vector<double> values);

// Seconds of CPU time of this thread for one unit of `work`, over a run of about `slice_seconds`.
[[nodiscard]] double seconds_each(const Work& work, double slice_seconds);

// While it lives this thread, and what it starts meanwhile, goes before everything else on the
// machine, where the kernel allows that (SCHED_RR, CAP_SYS_NICE): for what is measured in single
// milliseconds, the turns of another process among them. Without it they are measured, too.
class BeforeOthers {
 public:
  BeforeOthers();
  ~BeforeOthers();
  BeforeOthers(const BeforeOthers&) = delete;
  BeforeOthers& operator=(const BeforeOthers&) = delete;
};

// Median over `rounds` of `ratio(seconds of each work)`; the works take turns within a round.
[[nodiscard]] double median_ratio(const std::vector<Work>& works,
                                  const std::function<double(const std::vector<double>&)>& ratio,
                                  int rounds, double slice_seconds);

// One key of `--json`'s "ratios".
struct Ratio {
  std::string key;
  std::string meaning;
  bool at_least = true;  // the target is a lower bound, else an upper one
  double target = 0;
  std::function<double(int rounds, double slice_seconds)> measure;
};

[[nodiscard]] std::vector<Ratio> attestation_ratios();
[[nodiscard]] std::vector<Ratio> audit_ratios();
[[nodiscard]] std::vector<Ratio> custody_ratios();
[[nodiscard]] std::vector<Ratio> peer_ratios();
[[nodiscard]] std::vector<Ratio> policy_ratios();
[[nodiscard]] std::vector<Ratio> session_aggregate_ratios();
[[nodiscard]] std::vector<Ratio> session_forming_ratios();
[[nodiscard]] std::vector<Ratio> session_frost_ratios();

}  // namespace concordat::bench
