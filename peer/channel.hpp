// The record layer of PROTOCOL.md section 9, one object a direction. No I/O, no clock: time is
// handed in. Made only by a handshake that admitted the peer.
#pragma once

#include <chrono>

#include "attest/base/clock.hpp"
#include "peer/aead.hpp"
#include "peer/frame.hpp"
#include "peer/key_schedule.hpp"

namespace concordat::peer {

// What a channel may carry before it ends; from policy, never above the protocol's own maxima.
struct ChannelLife {
  std::chrono::milliseconds time = kMaxChannelLife;
  std::uint64_t bytes = kMaxChannelBytes;      // plaintext, each direction
  std::uint64_t records = kMaxChannelRecords;  // data records, each direction

  [[nodiscard]] ChannelLife clamped() const noexcept;
};

// Counts one direction against a life.
class LifeMeter {
 public:
  LifeMeter(const ChannelLife& life, base::MonotonicMillis start) noexcept;
  // channel_expired when another record of `bytes` would pass a limit.
  [[nodiscard]] base::Status admit(std::size_t bytes, base::MonotonicMillis now) const;
  void count(std::size_t bytes) noexcept;
  // True from 4/5 of any limit on: time to make the next channel.
  [[nodiscard]] bool wants_renewal(base::MonotonicMillis now) const noexcept;
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] const ChannelLife& life() const noexcept { return life_; }

 private:
  ChannelLife life_;
  base::MonotonicMillis start_;
  std::uint64_t bytes_ = 0;
  std::uint64_t records_ = 0;
};

class Sealer {
 public:
  Sealer(KeyAndNonce key, const ChannelLife& life, base::MonotonicMillis start);

  // Appends one data record to `out`. `payload`: 1 to 65,536 bytes, may be secret.
  [[nodiscard]] base::Status seal(base::BytesView payload, base::MonotonicMillis now,
                                  base::Bytes& out);
  // Appends the close record; afterwards every call fails with channel_closed.
  [[nodiscard]] base::Status close(base::Bytes& out);
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] const LifeMeter& meter() const noexcept { return meter_; }

 private:
  void append_record(FrameType type, base::BytesView payload, base::Bytes& out);

  Aead aead_;
  base::FixedBytes<struct NonceTag, kAeadNonceSize> iv_;
  LifeMeter meter_;
  bool closed_ = false;
};

class Opener {
 public:
  Opener(KeyAndNonce key, const ChannelLife& life, base::MonotonicMillis start);

  // Opens a data frame into `out` (at least body size - 16 bytes) and returns the payload's size;
  // 0 is the close record. After any error, and after close, every call fails.
  [[nodiscard]] base::Result<std::size_t> open(const Frame& frame, base::MonotonicMillis now,
                                               std::span<std::uint8_t> out);
  // The stream ended: an error unless the close record came first.
  [[nodiscard]] base::Status end_of_stream() const;
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] const LifeMeter& meter() const noexcept { return meter_; }

 private:
  Aead aead_;
  base::FixedBytes<struct NonceTag, kAeadNonceSize> iv_;
  LifeMeter meter_;
  bool closed_ = false;
  bool dead_ = false;
};

}  // namespace concordat::peer
