// A rate with a burst: `rate` tokens a second flow in, at most `burst` are kept, each event takes
// one or more. Time is handed in and may stand still, never run backwards. One thread.
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

  // False when the bucket holds fewer: the event must not happen, and nothing is taken.
  [[nodiscard]] bool take(base::MonotonicMillis now, std::uint32_t tokens = 1) noexcept {
    level_ = level_at(now);
    last_ = std::max(last_, now);
    const std::int64_t cost = std::int64_t{tokens} * kScale;
    if (level_ < cost) return false;
    level_ -= cost;
    return true;
  }

  // As a new one would be: whoever forgets it gives nobody more.
  [[nodiscard]] bool is_full(base::MonotonicMillis now) const noexcept {
    return level_at(now) == capacity_;
  }

 private:
  // A thousandth of a token a millisecond and unit of rate: whole numbers, nothing is lost. The
  // division keeps the product below the capacity.
  [[nodiscard]] std::int64_t level_at(base::MonotonicMillis now) const noexcept {
    const std::int64_t elapsed = std::max<std::int64_t>((now - last_).count(), 0);
    return elapsed > capacity_ / rate_ ? capacity_ : std::min(capacity_, level_ + elapsed * rate_);
  }

  static constexpr std::int64_t kScale = 1000;

  std::int64_t rate_;
  std::int64_t capacity_;  // thousandths of a token, as level_
  std::int64_t level_;
  base::MonotonicMillis last_;
};

}  // namespace concordat::peer
