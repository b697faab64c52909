#include "keyservice/kms_attempts.hpp"

#include "keyservice/error.hpp"
#include "keyservice/kms.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {

KmsAttempts::KmsAttempts(base::MonotonicMillis started, base::RandomSource& random) noexcept
    : until_(started + kKmsPatience), random_(random), backoff_(kKmsFirstPause, kKmsLongestPause) {}

bool KmsAttempts::may_pass(const base::Error& error) {
  if (error.is(Errc::parent_failed) || error.is(Errc::timed_out)) return true;
  switch (kms_retry(error)) {
    case KmsRetry::never:
      return false;
    case KmsRetry::after_backoff:
      return true;
    case KmsRetry::with_fresh_credentials:
      return !std::exchange(credentials_were_refused_, true);
  }
  return false;
}

std::optional<std::chrono::milliseconds> KmsAttempts::pause_after(const base::Error& error,
                                                                  base::MonotonicMillis now) {
  if (now >= until_ || !may_pass(error)) return std::nullopt;
  return std::min(backoff_.next(random_), until_ - now);
}

}  // namespace concordat::keyservice
