// Whether the other side of a channel is there at all: asked by the initiator when nothing came for
// a while, answered by the same. One CBOR array in one record of the channel, answered before
// anything else: [0, "beat"].
//
// A stream that is closed tells so by itself. One whose other end, or what carries it, just stopped
// does not, and a request may take its time: the store may.
#pragma once

#include <optional>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"

namespace concordat::keyservice {

[[nodiscard]] base::BytesView heartbeat() noexcept;
[[nodiscard]] inline bool is_heartbeat(base::BytesView record) noexcept {
  return base::equal(record, heartbeat());
}

// When the initiator asks, and for how long nothing came then.
class SignsOfLife {
 public:
  // Anything came, or the channel begins.
  void heard(base::MonotonicMillis now) noexcept {
    heard_at_ = now;
    asked_at_.reset();
  }
  // Whether nothing came for so long that it is to be asked; not while an answer is awaited.
  [[nodiscard]] bool should_ask(base::MonotonicMillis now,
                                std::chrono::milliseconds quiet) const noexcept {
    return !asked_at_ && now - heard_at_ >= quiet;
  }
  void asked(base::MonotonicMillis now) noexcept { asked_at_ = now; }
  // Since it was asked without an answer; zero where it was not.
  [[nodiscard]] std::chrono::milliseconds unanswered(base::MonotonicMillis now) const noexcept {
    return asked_at_ ? now - *asked_at_ : std::chrono::milliseconds(0);
  }

 private:
  base::MonotonicMillis heard_at_;
  std::optional<base::MonotonicMillis> asked_at_;  // and nothing came since
};

}  // namespace concordat::keyservice
