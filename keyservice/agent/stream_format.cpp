#include "keyservice/agent/stream_format.hpp"

#include <array>
#include <cstring>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "peer/aead.hpp"
#include "peer/limits.hpp"

namespace concordat::keyservice {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;

namespace {

constexpr std::string_view kMagic = "concordat-stream";
constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kLabel = "concordat/stream/1";
constexpr std::size_t kFixedHeader = kMagic.size() + 3;
// Read ahead of a whole chunk, so that it is known whether another follows.
constexpr std::size_t kLookAhead = 16 * 1024;

Bytes header_of(BytesView wrapped) {
  Bytes out = base::to_bytes(base::as_bytes(kMagic));
  out.push_back(kFormat);
  out.push_back(static_cast<std::uint8_t>(wrapped.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(wrapped.size()));
  base::append(out, wrapped);
  return out;
}

SecretBytes chunk_key(const SecretBytes& data_key, BytesView header, BytesView associated) {
  base::cbor::Writer info;
  info.array(3)
      .text(kLabel)
      .bytes(base::sha384({header}).view())
      .bytes(base::sha384({associated}).view());
  return base::hkdf_expand(base::hkdf_extract(base::as_bytes(kLabel), data_key),
                           std::move(info).take(), peer::kAeadKeySize);
}

}  // namespace

class StreamChunks {
 public:
  StreamChunks(const SecretBytes& data_key, BytesView header, BytesView associated,
               peer::Aead::Direction direction)
      : aead_(chunk_key(data_key, header, associated), direction) {}

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  // The STREAM construction: the place and whether it is the last one are in the nonce.
  Status seal(BytesView plaintext, bool last, std::span<std::uint8_t> out) {
    CONCORDAT_CHECK(check_count());
    aead_.seal(nonce(last), {}, plaintext, out);
    ++count_;
    return {};
  }
  Status open(BytesView sealed, bool last, std::span<std::uint8_t> out) {
    CONCORDAT_CHECK(check_count());
    if (!aead_.open(nonce(last), {}, sealed, out)) {
      return Error(KeyErrc::authentication_failed,
                   "chunk " + std::to_string(count_) +
                       (last ? ", the last one: altered, cut off, or under other associated data"
                             : ": altered, in another place, or under other associated data"));
    }
    ++count_;
    return {};
  }

 private:
  [[nodiscard]] Status check_count() const {
    if (count_ < kMaxStreamChunks) return {};
    return Error(KeyErrc::input_too_large,
                 "more than " + std::to_string(kMaxStreamChunks) + " chunks in one stream");
  }
  [[nodiscard]] BytesView nonce(bool last) {
    nonce_ = {};
    for (std::size_t i = 0; i < 8; ++i)
      nonce_[10 - i] = static_cast<std::uint8_t>(count_ >> (8 * i));
    nonce_[11] = last ? 1 : 0;
    return nonce_;
  }

  peer::Aead aead_;
  std::uint64_t count_ = 0;
  std::array<std::uint8_t, peer::kAeadNonceSize> nonce_{};
};

StreamSealer::StreamSealer(const SecretBytes& data_key, BytesView wrapped, BytesView associated)
    : header_(header_of(wrapped)),
      chunks_(std::make_unique<StreamChunks>(data_key, header_, associated,
                                             peer::Aead::Direction::seal)),
      plaintext_(SecretBytes::zeroed(kStreamChunk + kLookAhead)),
      sealed_(kStreamChunk + kStreamTag) {}
StreamSealer::~StreamSealer() = default;

std::span<std::uint8_t> StreamSealer::room() noexcept {
  return plaintext_.expose_mutable(SecretAccess{}).subspan(fill_);
}

Result<std::optional<BytesView>> StreamSealer::next(bool ended) {
  const bool last = ended && fill_ <= kStreamChunk;
  if (finished_ || (!last && fill_ <= kStreamChunk)) return std::optional<BytesView>();
  const std::size_t size = std::min(fill_, kStreamChunk);
  const auto plaintext = plaintext_.expose_mutable(SecretAccess{});
  CONCORDAT_CHECK(chunks_->seal(plaintext.first(size), last, sealed_));
  fill_ -= size;
  std::memmove(plaintext.data(), plaintext.data() + size, fill_);
  finished_ = last;
  return std::optional(BytesView(sealed_).first(size + kStreamTag));
}

StreamOpener::StreamOpener(BytesView associated)
    : associated_(base::to_bytes(associated)), input_(kStreamChunk + kStreamTag + kLookAhead) {}
StreamOpener::~StreamOpener() = default;

std::span<std::uint8_t> StreamOpener::room() noexcept {
  return std::span(input_).subspan(fill_);
}

void StreamOpener::drop(std::size_t size) {
  fill_ -= size;
  std::memmove(input_.data(), input_.data() + size, fill_);
}

Result<std::optional<Bytes>> StreamOpener::wrapped(bool ended) {
  const BytesView input = BytesView(input_).first(fill_);
  const BytesView magic = input.first(std::min(input.size(), kMagic.size()));
  if (!base::equal(magic, base::as_bytes(kMagic).first(magic.size()))) {
    return Error(KeyErrc::envelope_malformed, "does not begin as a stream does");
  }
  if (input.size() > kMagic.size() && input[kMagic.size()] != kFormat) {
    return Error(KeyErrc::other_envelope_format, "a stream of another format");
  }
  const auto more = [&]() -> Result<std::optional<Bytes>> {
    if (ended) return Error(KeyErrc::envelope_malformed, "ends within its header");
    return std::optional<Bytes>();
  };
  if (input.size() < kFixedHeader) return more();
  const std::size_t size =
      static_cast<std::size_t>(input[kFixedHeader - 2]) << 8 | input[kFixedHeader - 1];
  if (size == 0 || size > kMaxStreamEnvelope) {
    return Error(KeyErrc::envelope_malformed, "its wrapped key has " + std::to_string(size) +
                                                  " bytes; at most " +
                                                  std::to_string(kMaxStreamEnvelope));
  }
  if (input.size() < kFixedHeader + size) return more();
  header_ = base::to_bytes(input.first(kFixedHeader + size));
  drop(header_.size());
  return std::optional(base::to_bytes(BytesView(header_).subspan(kFixedHeader)));
}

Status StreamOpener::begin(const SecretBytes& data_key) {
  if (data_key.size() != kStreamDataKey) {
    return Error(KeyErrc::envelope_malformed, "its wrapped bytes are no data key");
  }
  chunks_ =
      std::make_unique<StreamChunks>(data_key, header_, associated_, peer::Aead::Direction::open);
  plaintext_ = SecretBytes::zeroed(kStreamChunk);
  return {};
}

Result<std::optional<BytesView>> StreamOpener::next(bool ended) {
  constexpr std::size_t whole = kStreamChunk + kStreamTag;
  const bool last = ended && fill_ <= whole;
  if (finished_ || (!last && fill_ <= whole)) return std::optional<BytesView>();
  const std::size_t size = std::min(fill_, whole);
  // An empty chunk stands for an empty stream only.
  if (size < kStreamTag || (size == kStreamTag && chunks_->count() != 0)) {
    return Error(KeyErrc::authentication_failed,
                 "chunk " + std::to_string(chunks_->count()) + ": cut off");
  }
  const auto plaintext = plaintext_.expose_mutable(SecretAccess{}).first(size - kStreamTag);
  CONCORDAT_CHECK(chunks_->open(BytesView(input_).first(size), last, plaintext));
  drop(size);
  finished_ = last;
  return std::optional(BytesView(plaintext));
}

}  // namespace concordat::keyservice
