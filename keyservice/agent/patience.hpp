// How long a connection may still take over its request: an allowance that time spent on transfers
// uses up and bytes that were moved earn back. Time in which the agent itself works is free.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "attest/base/clock.hpp"

namespace concordat::keyservice::agent {

class Patience {
 public:
  Patience(std::chrono::milliseconds whole, std::size_t bytes_per_second) noexcept
      : whole_(whole), bytes_per_second_(bytes_per_second), left_(whole) {}

  // For the next request.
  void renew() noexcept { left_ = whole_; }
  // A transfer begins: how long it may take.
  std::chrono::milliseconds begin(base::MonotonicMillis now) noexcept {
    begun_ = now;
    return left_;
  }
  // The transfer that began last has ended after so many bytes.
  void moved(std::size_t bytes, base::MonotonicMillis now) noexcept {
    // Never more than the whole, so that nothing overflows whatever the size.
    const auto most = static_cast<std::size_t>(whole_.count()) * bytes_per_second_ / 1000;
    const auto earned = std::min(bytes, most) * 1000 / bytes_per_second_;
    left_ += std::chrono::milliseconds(earned) - (now - begun_);
    left_ = std::clamp(left_, std::chrono::milliseconds(0), whole_);
  }

 private:
  std::chrono::milliseconds whole_;
  std::size_t bytes_per_second_;
  std::chrono::milliseconds left_;
  base::MonotonicMillis begun_;
};

}  // namespace concordat::keyservice::agent
