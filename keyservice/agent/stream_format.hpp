// Data of any size under a key of the keyring, sealed and opened piece by piece in constant memory
// (KEYRING.md, "Streams"): a data key, wrapped under the named key, and chunks that can be neither
// dropped, cut off, reordered, repeated nor taken from another stream. No I/O.
//
//   stream = header || chunk 0 || ... || chunk n
//   header = "concordat-stream" || 01 || size (2 bytes, big-endian) || wrapped key (an envelope)
//
// Both machines are fed through room() and filled(), and asked by next() until they want more.
#pragma once

#include <memory>
#include <optional>

#include "attest/base/secret.hpp"
#include "keyservice/keyring/key_errc.hpp"

namespace concordat::peer {
class Aead;
}

namespace concordat::keyservice {

// 64 KiB: larger ones are not faster, and sealer and opener hold one each.
inline constexpr std::size_t kStreamChunk = 64 * 1024;
inline constexpr std::size_t kStreamTag = 16;
// 1 TiB under one key, where GCM's bound on what an observer learns is still below 2^-56.
inline constexpr std::uint64_t kMaxStreamChunks = std::uint64_t{1} << 24;
inline constexpr std::size_t kStreamDataKey = 32;
// An envelope around 32 bytes: its header, and the sealed key.
inline constexpr std::size_t kMaxStreamEnvelope = 512 + kStreamDataKey + kStreamTag;

// Key and counter of one stream's chunks.
class StreamChunks;

class StreamSealer {
 public:
  // `wrapped`: the envelope of `data_key`, 32 fresh random bytes that serve this stream alone.
  StreamSealer(const base::SecretBytes& data_key, base::BytesView wrapped,
               base::BytesView associated);
  ~StreamSealer();

  // What the stream begins with.
  [[nodiscard]] const base::Bytes& header() const noexcept { return header_; }
  // Where more plaintext may be put, never empty after next() wanted more; then say how much it
  // was.
  [[nodiscard]] std::span<std::uint8_t> room() noexcept;
  void filled(std::size_t size) noexcept { fill_ += size; }
  // The next sealed chunk, valid until the next call; nullopt: more is wanted. `ended`: nothing
  // more comes. input_too_large.
  [[nodiscard]] base::Result<std::optional<base::BytesView>> next(bool ended);
  [[nodiscard]] bool finished() const noexcept { return finished_; }

 private:
  base::Bytes header_;
  std::unique_ptr<StreamChunks> chunks_;
  base::SecretBytes plaintext_;
  std::size_t fill_ = 0;
  base::Bytes sealed_;
  bool finished_ = false;
};

class StreamOpener {
 public:
  explicit StreamOpener(base::BytesView associated);
  ~StreamOpener();

  [[nodiscard]] std::span<std::uint8_t> room() noexcept;
  void filled(std::size_t size) noexcept { fill_ += size; }
  // First: the envelope of the data key; nullopt: more is wanted. envelope_malformed,
  // other_envelope_format.
  [[nodiscard]] base::Result<std::optional<base::Bytes>> wrapped(bool ended);
  // Then: what was in it. envelope_malformed where that is no data key.
  [[nodiscard]] base::Status begin(const base::SecretBytes& data_key);
  // Then: the next piece of plaintext, authenticated, in guarded memory, valid until the next call;
  // it may be empty. nullopt: more is wanted. authentication_failed, also for a stream that was cut
  // off.
  [[nodiscard]] base::Result<std::optional<base::BytesView>> next(bool ended);
  [[nodiscard]] bool finished() const noexcept { return finished_; }

 private:
  void drop(std::size_t size);

  base::Bytes associated_;
  base::Bytes input_;
  std::size_t fill_ = 0;
  base::Bytes header_;
  std::unique_ptr<StreamChunks> chunks_;
  base::SecretBytes plaintext_;
  bool finished_ = false;
};

}  // namespace concordat::keyservice
