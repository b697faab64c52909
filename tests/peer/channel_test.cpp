#include "peer/channel.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "peer/error.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using base::MonotonicMillis;

KeyAndNonce key() {
  Bytes bytes(kAeadKeySize, 7);
  return {base::SecretBytes::take(bytes), {}};
}

Frame as_frame(const Bytes& record) {
  return {static_cast<FrameType>(record[0]), record};
}

class ChannelTest : public testing::Test {
 protected:
  Bytes seal(std::string_view text) {
    Bytes out;
    EXPECT_TRUE(sealer_.seal(base::as_bytes(text), {}, out));
    return out;
  }
  base::Result<std::string> open(const Bytes& record) {
    Bytes plain(kMaxRecordPlaintext);
    CONCORDAT_TRY(const std::size_t size, opener_.open(as_frame(record), {}, plain));
    return std::string(base::as_text(BytesView(plain).first(size)));
  }
  Sealer sealer_{key(), {}, {}};
  Opener opener_{key(), {}, {}};
};

TEST_F(ChannelTest, CarriesRecordsInOrderAndEndsWithClose) {
  EXPECT_EQ(open(seal("one")).value(), "one");
  EXPECT_EQ(open(seal("two")).value(), "two");
  EXPECT_TRUE(opener_.end_of_stream().error().is(Errc::truncated));
  Bytes close;
  ASSERT_TRUE(sealer_.close(close));
  EXPECT_EQ(open(close).value(), "");
  EXPECT_TRUE(opener_.end_of_stream());
  Bytes more;
  EXPECT_TRUE(sealer_.seal(base::as_bytes("x"), {}, more).error().is(Errc::channel_closed));
  EXPECT_TRUE(open(close).error().is(Errc::channel_closed));
}

TEST_F(ChannelTest, EveryFlippedBitEndsTheChannel) {
  const Bytes good = seal("payload");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    Opener opener(key(), {}, {});
    Bytes plain(kMaxRecordPlaintext, 0x5a);
    EXPECT_FALSE(opener.open({FrameType::data, bad}, {}, plain)) << bit;
    EXPECT_EQ(std::search(plain.begin(), plain.end(), good.begin(), good.end()), plain.end());
    EXPECT_TRUE(opener.open(as_frame(good), {}, plain).error().is(Errc::channel_closed));
  }
}

TEST_F(ChannelTest, RepeatedReorderedAndReflectedRecordsAreRefused) {
  const Bytes first = seal("first");
  const Bytes second = seal("second");
  EXPECT_TRUE(open(second).error().is(Errc::record_does_not_open));
  opener_ = Opener(key(), {}, {});
  EXPECT_TRUE(open(first));
  EXPECT_TRUE(open(first).error().is(Errc::record_does_not_open));
}

TEST_F(ChannelTest, DataTypeCannotBecomeClose) {
  Bytes record = seal("x");
  record[0] = static_cast<std::uint8_t>(FrameType::close);
  EXPECT_TRUE(open(record).error().is(Errc::record_too_large));
}

TEST_F(ChannelTest, RefusesEmptyAndOversizedPayloads) {
  Bytes out;
  EXPECT_TRUE(sealer_.seal({}, {}, out).error().is(Errc::record_too_large));
  EXPECT_TRUE(
      sealer_.seal(Bytes(kMaxRecordPlaintext + 1), {}, out).error().is(Errc::record_too_large));
  EXPECT_TRUE(sealer_.seal(Bytes(kMaxRecordPlaintext), {}, out));
}

TEST(LifeMeter, EndsByTimeBytesAndRecords) {
  const ChannelLife life{std::chrono::milliseconds(100), 10, 3};
  LifeMeter meter(life, {1000});
  EXPECT_TRUE(meter.admit(10, {1099}));
  EXPECT_EQ(meter.admit(1, {1100}).error().detail(), "time");
  EXPECT_EQ(meter.admit(11, {1000}).error().detail(), "bytes");
  for (int i = 0; i < 3; ++i)
    meter.count(1);
  EXPECT_EQ(meter.admit(1, {1000}).error().detail(), "records");
}

TEST(LifeMeter, WantsRenewalAtFourFifths) {
  const ChannelLife life{std::chrono::milliseconds(100), 1000, 10};
  LifeMeter meter(life, {0});
  EXPECT_FALSE(meter.wants_renewal({79}));
  EXPECT_TRUE(meter.wants_renewal({80}));
  for (int i = 0; i < 8; ++i)
    meter.count(1);
  EXPECT_TRUE(meter.wants_renewal({0}));
}

TEST(ChannelLife, NeverPassesTheProtocolsMaxima) {
  const ChannelLife wild{std::chrono::hours(1000), UINT64_MAX, UINT64_MAX};
  EXPECT_EQ(wild.clamped().time, kMaxChannelLife);
  EXPECT_EQ(wild.clamped().bytes, kMaxChannelBytes);
  EXPECT_EQ(wild.clamped().records, kMaxChannelRecords);
}

TEST(Channel, SealingStopsAtTheLimitOnBothSides) {
  const ChannelLife life{std::chrono::hours(1), 1 << 20, 2};
  Sealer sealer(key(), life, {});
  Opener opener(key(), life, {});
  Bytes plain(64);
  for (int i = 0; i < 2; ++i) {
    Bytes record;
    ASSERT_TRUE(sealer.seal(base::as_bytes("x"), {}, record));
    ASSERT_TRUE(opener.open(as_frame(record), {}, plain));
  }
  Bytes record;
  EXPECT_TRUE(sealer.seal(base::as_bytes("x"), {}, record).error().is(Errc::channel_expired));
  EXPECT_TRUE(record.empty());
  Bytes close;
  ASSERT_TRUE(sealer.close(close)) << "a channel at its end can still be closed";
  EXPECT_EQ(opener.open(as_frame(close), {}, plain).value(), 0u);
}

}  // namespace
}  // namespace concordat::peer
