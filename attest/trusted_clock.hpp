// Wall time inside an enclave: the timestamp of a document that the enclave's own module issues
// (read, not verified: the device is trusted) carried on by the monotonic clock. Never the parent's
// word. Without an anchor younger than ten minutes there is no time, and so nobody is admitted.
//
// Two choices:
// - The reading counts as of the moment of asking. What the clock tells is therefore never behind
//   the module, and ahead by at most the exchange (kMaxAnchorDelay, or the reading is refused): an
//   end of validity is met early rather than late.
// - Time never goes back. A new anchor that is behind what was told by up to kMaxStepBack (drift
//   between two anchors) makes the clock stand still until it is caught up with; one that is
//   further behind is refused with time_went_back and the old anchor stays until it expires. A step
//   forward is taken: the virtual machine may have slept while the monotonic clock stood.
#pragma once

#include <functional>
#include <optional>

#include "attest/base/clock.hpp"
#include "attest/nsm.hpp"

namespace concordat::attest {

inline constexpr std::chrono::milliseconds kAnchorLife = std::chrono::minutes(10);
// When to ask again: early enough that a module busy for a while costs no time.
inline constexpr std::chrono::milliseconds kAnchorRenewal = std::chrono::minutes(5);
inline constexpr std::chrono::milliseconds kMaxAnchorDelay = std::chrono::seconds(5);
inline constexpr std::chrono::milliseconds kMaxStepBack = std::chrono::seconds(2);

enum class TrustedClockErrc {
  no_anchor = 1,
  anchor_expired,
  anchor_too_slow,
  time_went_back,
  monotonic_went_back,
};
[[nodiscard]] base::CodeInfo describe(TrustedClockErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(TrustedClockErrc) {
  return "trusted_clock";
}
[[nodiscard]] inline boost::system::error_code make_error_code(TrustedClockErrc e) {
  return base::enum_code(e);
}

// One clock per enclave process; not thread-safe.
class TrustedClock {
 public:
  // `reading`: the module's time, asked for at `asked` and received at `answered`.
  [[nodiscard]] base::Status anchor(base::UnixMillis reading, base::MonotonicMillis asked,
                                    base::MonotonicMillis answered);
  // Never less than what it returned before.
  [[nodiscard]] base::Result<base::UnixMillis> now(base::MonotonicMillis at);
  // When the module was last asked; nullopt: never.
  [[nodiscard]] std::optional<base::MonotonicMillis> anchored_at() const noexcept;
  [[nodiscard]] bool wants_anchor(base::MonotonicMillis at) const noexcept;

 private:
  struct Anchor {
    base::UnixMillis wall;
    base::MonotonicMillis monotonic;
  };
  std::optional<Anchor> anchor_;
  std::optional<base::UnixMillis> told_;  // the latest time that now() returned
};

// Asks the module for a document of Purpose::clock, which goes nowhere else, and anchors the clock
// with its timestamp. Blocks as the transport does.
[[nodiscard]] base::Status anchor_from_nsm(TrustedClock& clock, NsmTransport& nsm,
                                           const std::function<base::MonotonicMillis()>& monotonic);

}  // namespace concordat::attest
