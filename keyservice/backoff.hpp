// Exponential back-off with full jitter: anywhere between nothing and the back-off, so that many
// who lost one service at one moment do not come back in step.
#pragma once

#include <algorithm>
#include <chrono>

#include "attest/base/random.hpp"

namespace concordat::keyservice {

class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // 0 < first <= longest.
  Backoff(Milliseconds first, Milliseconds longest) noexcept : first_(first), longest_(longest) {}

  // The next pause: at most `first`, then twice that, four times, ... up to `longest`.
  [[nodiscard]] Milliseconds next(base::RandomSource& random);
  // The next failure is a first one again.
  void reset() noexcept { current_ = {}; }

 private:
  Milliseconds first_;
  Milliseconds longest_;
  Milliseconds current_{0};
};

}  // namespace concordat::keyservice
