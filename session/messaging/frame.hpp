// Messages on a channel, which is a stream of bytes: `kind (1) || number (8) || length (4) ||
// body`. Messages are numbered from 1 in each direction; the number of an acknowledgement, which
// has no body, is the next one that its sender expects.
#pragma once

#include <optional>

#include "session/messaging/limits.hpp"
#include "session/messaging/messages.hpp"

namespace concordat::session::messaging {

using FrameHeader = std::array<std::uint8_t, kFrameHeaderSize>;
[[nodiscard]] FrameHeader frame_header(Kind kind, std::uint64_t number, std::size_t length);

struct Frame {
  Kind kind = Kind::acknowledgement;
  std::uint64_t number = 0;
  Body body;
};

// The largest body of each kind that an honest party sends in this run.
struct FrameLimits {
  std::size_t parties = 0;
  std::size_t broadcast = 0;  // content, in any round
  std::size_t letter = 0;

  // nullopt: no kind.
  [[nodiscard]] std::optional<std::size_t> of(std::uint8_t kind) const noexcept;
  // Of all kinds.
  [[nodiscard]] std::size_t largest() const noexcept;
};

// Puts frames together from pieces that end anywhere. Holds no more than one frame, and of that no
// more than came, but for letters, whose memory is taken at once.
class FrameReader {
 public:
  explicit FrameReader(const FrameLimits& limits) : limits_(limits) {}

  // Takes from the front of `piece` until one frame is complete; nullopt: all was taken. malformed
  // or too_large: the header says so, before any of the body is taken.
  [[nodiscard]] base::Result<std::optional<Frame>> take(base::BytesView& piece);
  // For a new channel.
  void restart() { *this = FrameReader(limits_); }
  [[nodiscard]] std::size_t held() const noexcept { return frame_.body.size(); }

 private:
  [[nodiscard]] base::Status read_header();
  void take_body(base::BytesView& piece);

  FrameLimits limits_;
  FrameHeader header_{};
  std::size_t header_size_ = 0;
  Frame frame_;
  std::size_t length_ = 0;
  std::size_t body_size_ = 0;  // of which are there
};

}  // namespace concordat::session::messaging
