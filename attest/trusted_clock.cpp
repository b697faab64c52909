#include "attest/trusted_clock.hpp"

#include "attest/document.hpp"
#include "attest/mint.hpp"

namespace concordat::attest {
namespace {

using base::Error;
using base::MonotonicMillis;
using base::Result;
using base::Status;
using base::UnixMillis;

std::string milliseconds(std::chrono::milliseconds duration) {
  return std::to_string(duration.count()) + " ms";
}

}  // namespace

base::CodeInfo describe(TrustedClockErrc code) noexcept {
  switch (code) {
    case TrustedClockErrc::no_anchor:
      return {"no_anchor", "the NSM has not been asked for the time yet"};
    case TrustedClockErrc::anchor_expired:
      return {"anchor_expired", "the time last read from the NSM is too old"};
    case TrustedClockErrc::anchor_too_slow:
      return {"anchor_too_slow", "the NSM took too long to tell the time"};
    case TrustedClockErrc::time_went_back:
      return {"time_went_back", "the NSM's time is behind what it was"};
    case TrustedClockErrc::monotonic_went_back:
      return {"monotonic_went_back", "the monotonic clock went back"};
  }
  return {"unknown", "unknown clock error"};
}

Status TrustedClock::anchor(UnixMillis reading, MonotonicMillis asked, MonotonicMillis answered) {
  if (answered < asked || (anchor_ && asked < anchor_->monotonic)) {
    return Error(TrustedClockErrc::monotonic_went_back);
  }
  const auto delay = answered - asked;
  if (delay > kMaxAnchorDelay) {
    return Error(TrustedClockErrc::anchor_too_slow, milliseconds(delay));
  }
  if (told_ && reading + delay + kMaxStepBack < *told_) {
    return Error(TrustedClockErrc::time_went_back, milliseconds(*told_ - (reading + delay)));
  }
  anchor_ = Anchor{reading, asked};
  return {};
}

Result<UnixMillis> TrustedClock::now(MonotonicMillis at) {
  if (!anchor_) return Error(TrustedClockErrc::no_anchor);
  if (at < anchor_->monotonic) return Error(TrustedClockErrc::monotonic_went_back);
  const auto age = at - anchor_->monotonic;
  if (age > kAnchorLife) return Error(TrustedClockErrc::anchor_expired, milliseconds(age));
  const UnixMillis carried = anchor_->wall + age;
  if (!told_ || *told_ < carried) told_ = carried;
  return *told_;
}

std::optional<MonotonicMillis> TrustedClock::anchored_at() const noexcept {
  return anchor_ ? std::optional(anchor_->monotonic) : std::nullopt;
}

bool TrustedClock::wants_anchor(MonotonicMillis at) const noexcept {
  return !anchor_ || at - anchor_->monotonic >= kAnchorRenewal;
}

Status anchor_from_nsm(TrustedClock& clock, NsmTransport& nsm,
                       const std::function<MonotonicMillis()>& monotonic) {
  const MonotonicMillis asked = monotonic();
  CONCORDAT_TRY(const base::Bytes encoded, mint(nsm, {Purpose::clock, {}, {}, {}}));
  const MonotonicMillis answered = monotonic();
  CONCORDAT_TRY(const UnverifiedDocument document, UnverifiedDocument::parse(encoded));
  return clock.anchor(document.unverified().timestamp, asked, answered);
}

}  // namespace concordat::attest
