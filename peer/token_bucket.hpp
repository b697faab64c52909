// A rate with a burst: `rate` tokens a second flow in, at most `burst` are kept, each event takes
// one. Time is handed in and may stand still, never run backwards. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "attest/base/clock.hpp"

namespace concordat::peer {

class TokenBucket {
 public:
  // Full at `now`. `rate` and `burst` are at least 1.
  TokenBucket(std::uint32_t rate, std::uint32_t burst, base::MonotonicMillis now) noexcept
      : rate_(rate), capacity_(std::int64_t{burst} * kScale), level_(capacity_), last_(now) {}

  // False when the bucket is empty: the event must not happen.
  [[nodiscard]] bool take(base::MonotonicMillis now) noexcept {
    const std::int64_t elapsed = std::max<std::int64_t>((now - last_).count(), 0);
    last_ = std::max(last_, now);
    // A thousandth of a token a millisecond and unit of rate: whole numbers, nothing is lost. The
    // division keeps the product below the capacity.
    level_ =
        elapsed > capacity_ / rate_ ? capacity_ : std::min(capacity_, level_ + elapsed * rate_);
    if (level_ < kScale) return false;
    level_ -= kScale;
    return true;
  }

 private:
  static constexpr std::int64_t kScale = 1000;

  std::int64_t rate_;
  std::int64_t capacity_;  // thousandths of a token, as level_
  std::int64_t level_;
  base::MonotonicMillis last_;
};

}  // namespace concordat::peer
