// Whether a custodian that comes up asks KMS once more. What may pass (throttling, KMS's own
// failures, a connection or a parent's answer that did not come about) is repeated with jittered
// back-off until kKmsPatience is over; refused credentials once, since each attempt asks the parent
// for its newest; everything else, a denial above all, is the answer.
#pragma once

#include <optional>

#include "attest/base/clock.hpp"
#include "attest/base/error.hpp"
#include "keyservice/backoff.hpp"

namespace concordat::keyservice {

class KmsAttempts {
 public:
  // `random` outlives the object.
  KmsAttempts(base::MonotonicMillis started, base::RandomSource& random) noexcept;

  // How long to wait before the next attempt; nullopt: `error` is the outcome.
  [[nodiscard]] std::optional<std::chrono::milliseconds> pause_after(const base::Error& error,
                                                                     base::MonotonicMillis now);

 private:
  [[nodiscard]] bool may_pass(const base::Error& error);

  base::MonotonicMillis until_;
  base::RandomSource& random_;
  Backoff backoff_;
  bool credentials_were_refused_ = false;
};

}  // namespace concordat::keyservice
