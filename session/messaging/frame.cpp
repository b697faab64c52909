#include "session/messaging/frame.hpp"

#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"

namespace concordat::session::messaging {

using base::BytesView;
using base::Error;

namespace {

std::uint64_t read_big_endian(BytesView bytes) {
  std::uint64_t out = 0;
  for (const std::uint8_t byte : bytes)
    out = out << 8 | byte;
  return out;
}

void write_big_endian(std::span<std::uint8_t> to, std::uint64_t value) {
  for (std::size_t i = to.size(); i-- > 0; value >>= 8)
    to[i] = static_cast<std::uint8_t>(value);
}

}  // namespace

FrameHeader frame_header(Kind kind, std::uint64_t number, std::size_t length) {
  FrameHeader out{};
  out[0] = static_cast<std::uint8_t>(kind);
  write_big_endian(std::span(out).subspan(1, 8), number);
  write_big_endian(std::span(out).subspan(9, 4), length);
  return out;
}

std::optional<std::size_t> FrameLimits::of(std::uint8_t kind) const noexcept {
  switch (static_cast<Kind>(kind)) {
    case Kind::acknowledgement:
      return 0;
    case Kind::broadcast:
      return broadcast + kMaxEnvelope;
    case Kind::letter:
      return letter + kMaxEnvelope;
    case Kind::echo:
      return kMaxEnvelope + parties * kMaxEntry;
    case Kind::confirmation:
    case Kind::farewell:
      return kMaxEnvelope;
    case Kind::blame:
      return kMaxAccusation + std::max(broadcast, letter + parties * kMaxEntry);
  }
  return std::nullopt;
}

std::size_t FrameLimits::largest() const noexcept {
  return kMaxAccusation + kMaxEnvelope + std::max(broadcast, letter) + parties * kMaxEntry;
}

base::Result<std::optional<Frame>> FrameReader::take(BytesView& piece) {
  if (header_size_ < kFrameHeaderSize) {
    const std::size_t more = std::min(piece.size(), kFrameHeaderSize - header_size_);
    std::ranges::copy(piece.first(more), header_.begin() + header_size_);
    header_size_ += more;
    piece = piece.subspan(more);
    if (header_size_ < kFrameHeaderSize) return std::optional<Frame>();
    CONCORDAT_CHECK(read_header());
  }
  take_body(piece);
  if (body_size_ < length_) return std::optional<Frame>();
  std::optional<Frame> out(std::move(frame_));
  restart();
  return out;
}

base::Status FrameReader::read_header() {
  const auto most = limits_.of(header_[0]);
  if (!most) return Error(Errc::malformed, "kind " + std::to_string(header_[0]));
  frame_.kind = static_cast<Kind>(header_[0]);
  frame_.number = read_big_endian(BytesView(header_).subspan(1, 8));
  length_ = read_big_endian(BytesView(header_).subspan(9, 4));
  if (length_ > *most) {
    return Error(Errc::too_large, std::to_string(length_) + " bytes of kind " +
                                      std::to_string(header_[0]) + ", at most " +
                                      std::to_string(*most));
  }
  if (frame_.kind == Kind::letter) frame_.body.secret = base::SecretBytes::zeroed(length_);
  return {};
}

void FrameReader::take_body(BytesView& piece) {
  const BytesView more = piece.first(std::min(piece.size(), length_ - body_size_));
  piece = piece.subspan(more.size());
  if (frame_.kind == Kind::letter) {
    const auto rest = frame_.body.secret.expose_mutable(base::SecretAccess{}).subspan(body_size_);
    std::ranges::copy(more, rest.begin());
  } else {
    auto& body = frame_.body.clear;
    // Twice what is there, or all: not what is claimed.
    const std::size_t needed = body.size() + more.size();
    if (needed > body.capacity())
      body.reserve(std::min(length_, std::max(needed, 2 * body.size())));
    base::append(body, more);
  }
  body_size_ += more.size();
}

}  // namespace concordat::session::messaging
