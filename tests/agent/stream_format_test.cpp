// Streams under a data key: what comes out is what went in, or nothing that was not authenticated.
#include "keyservice/agent/stream_format.hpp"

#include <gtest/gtest.h>

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::SecretAccess;
using base::SecretBytes;

constexpr std::size_t kSealedChunk = kStreamChunk + kStreamTag;

SecretBytes data_key(std::uint8_t first = 0) {
  Bytes bytes(kStreamDataKey);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(first + i);
  return SecretBytes::take(bytes);
}
const Bytes kWrapped(20, 0x42);

Bytes plaintext_of(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::uint8_t>(i * 7 % 251);
  return out;
}

// Feeds pieces of at most `piece` bytes to `machine`; what it gave before it refused or ended.
struct Outcome {
  Bytes out;
  std::optional<Error> error;
};
template <class Machine>
Outcome run(Machine& machine, BytesView input, std::size_t piece) {
  Outcome outcome;
  while (!machine.finished()) {
    auto next = machine.next(input.empty());
    if (!next) {
      outcome.error = next.error();
      return outcome;
    }
    if (*next) {
      base::append(outcome.out, **next);
      continue;
    }
    const auto room = machine.room();
    const std::size_t size = std::min({piece, input.size(), room.size()});
    EXPECT_GT(size, 0u) << "more is wanted, and there is room for none or nothing to give";
    if (size == 0) return outcome;
    std::ranges::copy(input.first(size), room.begin());
    machine.filled(size);
    input = input.subspan(size);
  }
  return outcome;
}

Bytes seal(BytesView plaintext, BytesView associated = {}, std::size_t piece = 5000,
           const SecretBytes& key = data_key()) {
  StreamSealer sealer(key, kWrapped, associated);
  Bytes out = sealer.header();
  const Outcome sealed = run(sealer, plaintext, piece);
  EXPECT_FALSE(sealed.error);
  base::append(out, sealed.out);
  return out;
}

Outcome open(BytesView stream, BytesView associated = {}, std::size_t piece = 5000,
             const SecretBytes& key = data_key()) {
  StreamOpener opener(associated);
  for (;;) {
    const auto wrapped = opener.wrapped(stream.empty());
    if (!wrapped) return {{}, wrapped.error()};
    if (*wrapped) break;
    const std::size_t size = std::min({piece, stream.size(), opener.room().size()});
    std::ranges::copy(stream.first(size), opener.room().begin());
    opener.filled(size);
    stream = stream.subspan(size);
  }
  if (const auto begun = opener.begin(key); !begun) return {{}, begun.error()};
  return run(opener, stream, piece);
}

TEST(StreamFormat, IsWhatAnotherLibraryMadeByTheText) {
  EXPECT_EQ(base::to_hex(seal(base::as_bytes("hello"), base::as_bytes("file 7"))),
            "636f6e636f726461742d73747265616d0100144242424242424242424242424242424242424242"
            "234e26d4ef458cef4152403beaecb934cde9b811da");
  EXPECT_EQ(base::to_hex(seal({})),
            "636f6e636f726461742d73747265616d0100144242424242424242424242424242424242424242"
            "f6691e4cdc487d185741b7a11af039c4");
  EXPECT_EQ(base::sha256({seal(plaintext_of(2 * kStreamChunk + 100))}).hex(),
            "2d77c359079bb7ab89b0a8864f89b365ebbe2e8d777105e738c5192b1a9299b4");
}

TEST(StreamFormat, OpensToWhatWasSealedInPiecesOfAnySize) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kStreamChunk - 1, kStreamChunk,
                                 kStreamChunk + 1, 3 * kStreamChunk, 3 * kStreamChunk + 12345}) {
    const Bytes plaintext = plaintext_of(size);
    for (const std::size_t piece : {std::size_t{997}, kStreamChunk, std::size_t{1} << 20}) {
      const Bytes stream = seal(plaintext, base::as_bytes("ad"), piece);
      const std::size_t chunks = std::max<std::size_t>(1, (size + kStreamChunk - 1) / kStreamChunk);
      EXPECT_EQ(stream.size(), 19 + kWrapped.size() + size + chunks * kStreamTag);
      const Outcome opened = open(stream, base::as_bytes("ad"), piece);
      ASSERT_FALSE(opened.error) << size << ": " << opened.error->to_string();
      EXPECT_EQ(opened.out, plaintext) << size;
    }
  }
}

class Tampered : public testing::Test {
 protected:
  static constexpr std::size_t kHeader = 19 + 20;
  static Bytes chunk(const Bytes& stream, std::size_t i) {
    const std::size_t at = kHeader + i * kSealedChunk;
    const BytesView rest = BytesView(stream).subspan(at);
    return base::to_bytes(rest.first(std::min(rest.size(), kSealedChunk)));
  }
  static Bytes header(const Bytes& stream) {
    return base::to_bytes(BytesView(stream).first(kHeader));
  }
  // The header and these chunks.
  Bytes assembled(std::initializer_list<std::size_t> order) const {
    Bytes out = header(stream_);
    for (const std::size_t i : order)
      base::append(out, chunk(stream_, i));
    return out;
  }
  // Refused after exactly the first `chunks` chunks, all of them genuine.
  void expect_refused(const Bytes& stream, std::size_t chunks, BytesView associated = {}) {
    const Outcome opened = open(stream, associated);
    ASSERT_TRUE(opened.error);
    EXPECT_TRUE(opened.error->is(KeyErrc::authentication_failed)) << opened.error->to_string();
    EXPECT_EQ(opened.out, base::to_bytes(BytesView(plaintext_).first(chunks * kStreamChunk)));
  }

  const Bytes plaintext_ = plaintext_of(3 * kStreamChunk + 10);
  const Bytes stream_ = seal(plaintext_);
};

TEST_F(Tampered, CutOffAnywhere) {
  expect_refused(assembled({0, 1, 2}), 2);  // between chunks: nothing of its last whole one
  expect_refused(assembled({0}), 0);
  expect_refused(assembled({}), 0);
  for (const std::size_t cut : {1, 10, 16, 17, 26}) {
    Bytes shorter = stream_;
    shorter.resize(stream_.size() - cut);
    expect_refused(shorter, cut == 26 ? 2 : 3);
  }
}
TEST_F(Tampered, Prolonged) {
  Bytes longer = stream_;
  longer.push_back(0);
  expect_refused(longer, 3);
  expect_refused(assembled({0, 1, 2, 3, 3}), 3);
}
TEST_F(Tampered, Reordered) {
  expect_refused(assembled({1, 0, 2, 3}), 0);
  expect_refused(assembled({0, 2, 1, 3}), 1);
}
TEST_F(Tampered, Repeated) {
  expect_refused(assembled({0, 0, 1, 2, 3}), 1);
}
TEST_F(Tampered, AChunkLeftOut) {
  expect_refused(assembled({0, 2, 3}), 1);
  expect_refused(assembled({3}), 0);
}
TEST_F(Tampered, MixedWithAnotherStreamOfTheSameKey) {
  // Another stream has another data key, and so other wrapped bytes and keys.
  const Bytes other = seal(plaintext_, {}, 5000, data_key(1));
  Bytes mixed = assembled({0});
  base::append(mixed, chunk(other, 1));
  base::append(mixed, chunk(other, 2));
  base::append(mixed, chunk(other, 3));
  expect_refused(mixed, 1);
}
TEST_F(Tampered, UnderAnotherHeader) {
  Bytes other = stream_;
  other[25] ^= 1;  // within the wrapped key, which the opener's caller would have noticed first
  expect_refused(other, 0);
}
TEST_F(Tampered, UnderOtherAssociatedData) {
  expect_refused(stream_, 0, base::as_bytes("x"));
}
TEST_F(Tampered, OneBitOfEachChunk) {
  for (const std::size_t i : {0, 1, 2, 3}) {
    Bytes flipped = stream_;
    flipped[kHeader + i * kSealedChunk + 5] ^= 0x20;
    expect_refused(flipped, i);
  }
}
TEST_F(Tampered, AnEmptyChunkAfterOthersIsNoStream) {
  Bytes out = assembled({0, 1, 2});
  out.resize(out.size() + kStreamTag);
  expect_refused(out, 3);
}

TEST(StreamFormat, RefusesWhatIsNoHeader) {
  const Bytes stream = seal(base::as_bytes("hello"));
  const auto refusal = [](const Bytes& bytes) { return open(bytes).error; };
  for (std::size_t size = 0; size < 39; ++size)
    EXPECT_TRUE(
        refusal(base::to_bytes(BytesView(stream).first(size)))->is(KeyErrc::envelope_malformed))
        << size;
  Bytes other = stream;
  other[0] ^= 1;
  EXPECT_TRUE(refusal(other)->is(KeyErrc::envelope_malformed));
  other = stream;
  other[16] = 2;
  EXPECT_TRUE(refusal(other)->is(KeyErrc::other_envelope_format));
  other = stream;
  other[17] = other[18] = 0;
  EXPECT_TRUE(refusal(other)->is(KeyErrc::envelope_malformed));
  other[17] = (kMaxStreamEnvelope + 1) >> 8;
  other[18] = (kMaxStreamEnvelope + 1) & 0xff;
  EXPECT_TRUE(refusal(other)->is(KeyErrc::envelope_malformed));
  EXPECT_TRUE(
      open(stream, {}, 5000, SecretBytes::zeroed(31)).error->is(KeyErrc::envelope_malformed))
      << "a data key has 32 bytes";
}

}  // namespace
}  // namespace concordat::keyservice
