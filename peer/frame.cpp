#include "peer/frame.hpp"

#include "peer/error.hpp"

namespace concordat::peer {

std::optional<std::size_t> max_body(std::uint8_t type) noexcept {
  switch (static_cast<FrameType>(type)) {
    case FrameType::hello:
      return kMaxHelloBody;
    case FrameType::reply:
    case FrameType::confirm:
      return kMaxEvidenceBody;
    case FrameType::accept:
      return kMaxAcceptBody;
    case FrameType::refuse:
      return kMaxRefuseBody;
    case FrameType::data:
      return kMaxRecordBody;
    case FrameType::close:
      return kAeadTagSize;
  }
  return std::nullopt;
}

FrameHeader frame_header(FrameType type, std::size_t body_size) noexcept {
  return {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(body_size >> 16),
          static_cast<std::uint8_t>(body_size >> 8), static_cast<std::uint8_t>(body_size)};
}

base::Bytes make_frame(FrameType type, base::BytesView body) {
  const FrameHeader header = frame_header(type, body.size());
  base::Bytes out;
  out.reserve(header.size() + body.size());
  base::append(out, header);
  base::append(out, body);
  return out;
}

void FrameReader::feed(base::BytesView bytes) {
  if (consumed_ != 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
  }
  base::append(buffer_, bytes);
}

base::Result<std::optional<Frame>> FrameReader::next(AllowedFrames allowed) {
  if (dead_) return *dead_;
  const base::BytesView rest = base::BytesView(buffer_).subspan(consumed_);
  if (rest.empty()) return std::optional<Frame>();
  const auto fail = [this](Errc code, std::string detail) -> base::Error {
    dead_ = base::Error(code, std::move(detail));
    buffer_.clear();
    consumed_ = 0;
    return *dead_;
  };
  const auto limit = max_body(rest[0]);
  if (!limit || !allowed.contains(static_cast<FrameType>(rest[0]))) {
    return fail(Errc::unexpected_message, "frame type " + std::to_string(rest[0]));
  }
  if (rest.size() < kFrameHeaderSize) return std::optional<Frame>();
  const std::size_t size = std::size_t{rest[1]} << 16 | std::size_t{rest[2]} << 8 | rest[3];
  if (size > *limit) {
    return fail(Errc::frame_too_large, std::to_string(size) + " bytes in a frame of type " +
                                           std::to_string(rest[0]) + " (at most " +
                                           std::to_string(*limit) + ")");
  }
  const std::size_t whole = kFrameHeaderSize + size;
  if (rest.size() < whole) return std::optional<Frame>();
  consumed_ += whole;
  return std::optional<Frame>(Frame{static_cast<FrameType>(rest[0]), rest.first(whole)});
}

}  // namespace concordat::peer
