// Whether the other side of a channel is there at all, and whether it serves. CBOR arrays, each in
// one record of the channel:
//
//   [0, "beat"]         from the initiator: asks, when nothing came for a while
//                       from the responder: it serves
//   [0, "beat", CODE]   from the responder alone: it is there and does not serve, with the stable
//                       name of why
//
// A custodian answers what is asked before anything else; and it tells workers unasked, when it
// admitted them and whenever it is another one of the two.
//
// A stream that is closed tells so by itself. One whose other end, or what carries it, just stopped
// does not, and a request may take its time: the store may.
#pragma once

#include <optional>
#include <string>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "attest/base/result.hpp"

namespace concordat::keyservice {

// What the initiator asks.
[[nodiscard]] base::BytesView heartbeat() noexcept;
[[nodiscard]] inline bool is_heartbeat(base::BytesView record) noexcept {
  return base::equal(record, heartbeat());
}

// What the responder says.
struct SignOfLife {
  std::string trouble{};  // the code of why it does not serve; empty: it does
  [[nodiscard]] bool serves() const noexcept { return trouble.empty(); }

  friend bool operator==(const SignOfLife&, const SignOfLife&) = default;
};
// `trouble`: at most kMaxErrorCode characters of printable ASCII, none of them a space.
[[nodiscard]] base::Bytes encode(const SignOfLife& sign);
// nullopt: `record` is something else. malformed_response.
[[nodiscard]] base::Result<std::optional<SignOfLife>> decode_sign_of_life(base::BytesView record);

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
