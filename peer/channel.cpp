#include "peer/channel.hpp"

#include <new>

#include <algorithm>

#include "peer/error.hpp"

namespace concordat::peer {
namespace {

using Nonce = base::FixedBytes<struct NonceTag, kAeadNonceSize>;

// Section 9: IV XOR the sequence number in its last eight bytes.
Nonce record_nonce(const Nonce& iv, std::uint64_t sequence) noexcept {
  Nonce nonce = iv;
  const auto bytes = nonce.mutable_view();
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[kAeadNonceSize - 1 - i] ^= static_cast<std::uint8_t>(sequence >> (8 * i));
  }
  return nonce;
}

}  // namespace

ChannelLife ChannelLife::clamped() const noexcept {
  return {std::min(time, kMaxChannelLife), std::min(bytes, kMaxChannelBytes),
          std::min(records, kMaxChannelRecords)};
}

LifeMeter::LifeMeter(const ChannelLife& life, base::MonotonicMillis start) noexcept
    : life_(life.clamped()), start_(start) {}

base::Status LifeMeter::admit(std::size_t bytes, base::MonotonicMillis now) const {
  if (now - start_ >= life_.time) return base::Error(Errc::channel_expired, "time");
  if (records_ >= life_.records) return base::Error(Errc::channel_expired, "records");
  if (bytes > life_.bytes - bytes_) return base::Error(Errc::channel_expired, "bytes");
  return {};
}

void LifeMeter::count(std::size_t bytes) noexcept {
  bytes_ += bytes;
  ++records_;
}

bool LifeMeter::wants_renewal(base::MonotonicMillis now) const noexcept {
  const auto reached = [](std::uint64_t used, std::uint64_t limit) {
    return used * kRenewDenominator >= limit * kRenewNumerator;  // limits are below 2^37
  };
  return reached(static_cast<std::uint64_t>((now - start_).count()),
                 static_cast<std::uint64_t>(life_.time.count())) ||
         reached(bytes_, life_.bytes) || reached(records_, life_.records);
}

Sealer::Sealer(KeyAndNonce key, const ChannelLife& life, base::MonotonicMillis start)
    : aead_(key.key, Aead::Direction::seal), iv_(key.nonce), meter_(life, start) {}

void Sealer::append_record(FrameType type, base::BytesView payload, base::Bytes& out) {
  const FrameHeader header = frame_header(type, payload.size() + kAeadTagSize);
  const std::size_t at = out.size();
  out.resize(at + kFrameHeaderSize + payload.size() + kAeadTagSize);
  std::ranges::copy(header, out.begin() + static_cast<std::ptrdiff_t>(at));
  try {
    aead_.seal(record_nonce(iv_, meter_.records()).view(), header, payload,
               std::span(out).subspan(at + kFrameHeaderSize));
  } catch (const std::bad_alloc&) {
    out.resize(at);  // what was begun must not leave: its nonce is the next record's
    throw;
  }
  meter_.count(payload.size());
}

base::Status Sealer::seal(base::BytesView payload, base::MonotonicMillis now, base::Bytes& out) {
  if (closed_) return base::Error(Errc::channel_closed);
  if (payload.empty() || payload.size() > kMaxRecordPlaintext) {
    return base::Error(Errc::record_too_large, std::to_string(payload.size()) + " bytes");
  }
  CONCORDAT_CHECK(meter_.admit(payload.size(), now));
  append_record(FrameType::data, payload, out);
  return {};
}

base::Status Sealer::close(base::Bytes& out) {
  if (closed_) return base::Error(Errc::channel_closed);
  append_record(FrameType::close, {}, out);
  closed_ = true;
  return {};
}

Opener::Opener(KeyAndNonce key, const ChannelLife& life, base::MonotonicMillis start)
    : aead_(key.key, Aead::Direction::open), iv_(key.nonce), meter_(life, start) {}

base::Result<std::size_t> Opener::open(const Frame& frame, base::MonotonicMillis now,
                                       std::span<std::uint8_t> out) {
  if (dead_ || closed_) return base::Error(Errc::channel_closed);
  dead_ = true;  // until this record proves good
  const bool close = frame.type == FrameType::close;
  const base::BytesView body = frame.body();
  if ((!close && frame.type != FrameType::data) || body.size() < kAeadTagSize) {
    return base::Error(Errc::unexpected_message, "not a record");
  }
  const std::size_t size = body.size() - kAeadTagSize;
  if (close != (size == 0) || size > out.size()) {
    return base::Error(Errc::record_too_large, std::to_string(size) + " bytes");
  }
  if (!close) CONCORDAT_CHECK(meter_.admit(size, now));
  if (!aead_.open(record_nonce(iv_, meter_.records()).view(), frame.header(), body, out)) {
    return base::Error(Errc::record_does_not_open, "record " + std::to_string(meter_.records()));
  }
  meter_.count(size);
  closed_ = close;
  dead_ = false;
  return size;
}

base::Status Opener::end_of_stream() const {
  if (!closed_) return base::Error(Errc::truncated);
  return {};
}

}  // namespace concordat::peer
