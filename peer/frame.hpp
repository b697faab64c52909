// Frames of PROTOCOL.md section 2: a reader that never buffers what a state does not allow.
#pragma once

#include <array>
#include <optional>

#include "attest/base/bytes.hpp"
#include "peer/limits.hpp"

namespace concordat::peer {

enum class FrameType : std::uint8_t {
  hello = 0x01,
  reply = 0x02,
  confirm = 0x03,
  accept = 0x04,
  refuse = 0x05,
  data = 0x10,
  close = 0x11,
};

// Largest body of a type; nullopt for a type that does not exist.
[[nodiscard]] std::optional<std::size_t> max_body(std::uint8_t type) noexcept;

using FrameHeader = std::array<std::uint8_t, kFrameHeaderSize>;
[[nodiscard]] FrameHeader frame_header(FrameType type, std::size_t body_size) noexcept;
[[nodiscard]] base::Bytes make_frame(FrameType type, base::BytesView body);

// Which types the reader lets in; a bit set, because states allow one or two.
class AllowedFrames {
 public:
  template <class... Types>
  explicit constexpr AllowedFrames(Types... types) : bits_((0u | ... | bit(types))) {}
  [[nodiscard]] constexpr bool contains(FrameType type) const { return (bits_ & bit(type)) != 0; }

 private:
  static constexpr std::uint32_t bit(FrameType type) {
    return std::uint32_t{1} << static_cast<unsigned>(type);
  }
  std::uint32_t bits_;
};

// One frame; `whole` includes the header, as the transcript needs. Views into the reader's buffer.
struct Frame {
  FrameType type;
  base::BytesView whole;
  [[nodiscard]] base::BytesView header() const { return whole.first(kFrameHeaderSize); }
  [[nodiscard]] base::BytesView body() const { return whole.subspan(kFrameHeaderSize); }
};

// Cuts a byte stream into frames. Keeps at most one frame plus what one `feed` brought.
class FrameReader {
 public:
  // Bytes as the stream brought them.
  void feed(base::BytesView bytes);
  // The next whole frame, or nullopt when more bytes are needed, or frame_too_large /
  // unexpected_message as soon as the header shows it. A frame's views live until the next call of
  // any member. After an error the reader is dead: every further call fails the same way.
  [[nodiscard]] base::Result<std::optional<Frame>> next(AllowedFrames allowed);
  // True when the stream may end here: no part of a frame is waiting.
  [[nodiscard]] bool at_boundary() const noexcept { return buffered() == 0; }
  [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size() - consumed_; }

 private:
  base::Bytes buffer_;
  std::size_t consumed_ = 0;
  std::optional<base::Error> dead_;
};

}  // namespace concordat::peer
