#include "keyservice/journal/record.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {
namespace {

using base::Bytes;
using base::BytesView;

Head head_at(std::uint64_t position) {
  Head head{position, {}};
  head.hash.mutable_view()[0] = 7;
  return head;
}
SnapshotId some_id() {
  return SnapshotId::from_hex("000102030405060708090a0b0c0d0e0f").value();
}
Frame some_frame() {
  Frame frame;
  frame.name = entry_name(3);
  frame.realm = "acme";
  frame.generation = 2;
  frame.count = 1;
  frame.box = Bytes(40, 9);
  return frame;
}

TEST(RecordNames, SortAsPositionsDo) {
  EXPECT_EQ(entry_name(10), "entry.000000000000000a");
  EXPECT_LT(entry_name(9), entry_name(10));
  EXPECT_LT(entry_name(255), entry_name(256));
  EXPECT_EQ(snapshot_place(head_at(16), some_id()).name,
            "snapshot.0000000000000010-000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(chunk_place(head_at(16), some_id(), 11, 12).name,
            "chunk.0000000000000010-000102030405060708090a0b0c0d0e0f-0000000b");
}

TEST(RecordNames, ReadBackAndOnlyAsTheyAreWritten) {
  EXPECT_EQ(parse_entry_name(entry_name(UINT64_MAX)).value(), UINT64_MAX);
  const SnapshotName name =
      parse_snapshot_name(snapshot_place(head_at(16), some_id()).name).value();
  EXPECT_EQ(name.position, 16u);
  EXPECT_EQ(name.id, some_id());
  for (const std::string wrong :
       {"entry.", "entry.10", "entry.000000000000000A", "entry.00000000000000010",
        "entry.-00000000000000a", "chunk.000000000000000a", "entry.000000000000000g"}) {
    EXPECT_TRUE(parse_entry_name(wrong).error().is(Errc::malformed_record)) << wrong;
  }
  for (const std::string wrong :
       {"snapshot.", "snapshot.0000000000000010_000102030405060708090a0b0c0d0e0f",
        "snapshot.0000000000000010-000102030405060708090A0B0C0D0E0F"}) {
    EXPECT_TRUE(parse_snapshot_name(wrong).error().is(Errc::malformed_record)) << wrong;
  }
}

TEST(RecordNames, WhatASnapshotReplacesIsOlderThanItAndNotItsLastEntry) {
  const auto is_covered = [](const std::string& name) {
    for (const Superfluous& superfluous : made_superfluous_by(16)) {
      if (name.starts_with(superfluous.prefix) && name < superfluous.before) return true;
    }
    return false;
  };
  SnapshotId high;
  std::ranges::fill(high.mutable_view(), 0xff);
  EXPECT_TRUE(is_covered(entry_name(1)));
  EXPECT_TRUE(is_covered(entry_name(15)));
  EXPECT_TRUE(is_covered(snapshot_place(head_at(15), high).name));
  EXPECT_TRUE(is_covered(chunk_place(head_at(15), high, 5, 6).name));
  EXPECT_FALSE(is_covered(entry_name(16)));
  EXPECT_FALSE(is_covered(snapshot_place(head_at(16), {}).name));
  EXPECT_FALSE(is_covered(chunk_place(head_at(16), {}, 0, 1).name));
}

TEST(Frames, RoundTrip) {
  const Frame frame = decode_frame(encode(some_frame())).value();
  EXPECT_EQ(frame.name, entry_name(3));
  EXPECT_EQ(frame.generation, 2u);
  EXPECT_EQ(frame.box, Bytes(40, 9));
}

TEST(Frames, EveryTruncationAndExtensionIsRefused) {
  Bytes whole = encode(some_frame());
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_TRUE(decode_frame(BytesView(whole).first(n)).error().is(Errc::malformed_record)) << n;
  whole.push_back(0);
  EXPECT_TRUE(decode_frame(whole).error().is(Errc::malformed_record));
}

TEST(Frames, SizesAndNumbersAreBounded) {
  EXPECT_TRUE(decode_frame(Bytes(kMaxRecord + 1)).error().is(Errc::record_too_large));
  Frame long_name = some_frame();
  long_name.name = std::string(kMaxName + 1, 'a');
  EXPECT_TRUE(decode_frame(encode(long_name)).error().is(Errc::malformed_record));
  base::cbor::Writer other_format;
  other_format.array(9).uint(2);
  const auto refused = decode_frame(other_format.view());
  EXPECT_EQ(refused.error().detail(), "format 2 is not known");
}

}  // namespace
}  // namespace concordat::keyservice::journal
