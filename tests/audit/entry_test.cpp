// Entries: one encoding, in which whatever happened can be written.
#include "keyservice/audit/entry.hpp"

#include <gtest/gtest.h>

#include "attest/base/hash.hpp"
#include "keyservice/audit/evidence.hpp"
#include "keyservice/audit/limits.hpp"

namespace concordat::keyservice::audit {
namespace {

Entry sample() {
  Entry entry;
  entry.time = {1'767'700'000'123};
  entry.boot = BootId::from(base::Bytes(16, 0xb0)).value();
  entry.sequence = 300;
  entry.event.kind = Kind::release;
  entry.event.subject = Subject{SubjectType::enclave, "payments", "payments-1", "i-0-enc1"};
  entry.event.purpose = "keys";
  entry.event.key = KeyVersionName{"payments/card", 3};
  entry.event.operation = "get";
  entry.event.evidence = {{EvidenceType::document, base::sha256({base::as_bytes("d")})},
                          {EvidenceType::policy, base::sha256({base::as_bytes("p")})}};
  return entry;
}

TEST(Entry, Bytes) {
  EXPECT_EQ(base::to_hex(encode(sample())),
            "8c01"
            "1b0000019b93216d7b"
            "50b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
            "19012c"
            "04"
            "8401687061796d656e74736a7061796d656e74732d3168692d302d656e6331"
            "646b657973"
            "826d7061796d656e74732f6361726403"
            "63676574"
            "626f6b"
            "60"
            "828201582018ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4"
            "82035820148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940");
  EXPECT_EQ(decode_entry(encode(sample())).value(), sample());
}

TEST(Entry, OfEveryKindComesBack) {
  for (auto kind = static_cast<int>(Kind::boot); kind <= static_cast<int>(kLastKind); ++kind) {
    Entry entry = sample();
    entry.event.kind = static_cast<Kind>(kind);
    EXPECT_NE(to_string(entry.event.kind), "unknown");
    entry.event.subject.reset();
    entry.event.key.reset();
    entry.event.evidence.clear();
    EXPECT_EQ(decode_entry(encode(entry)).value(), entry);
  }
}

TEST(Entry, HasOneEncoding) {
  const base::Bytes good = encode(sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto cut = decode_entry(base::BytesView(good).first(size));
    EXPECT_TRUE(cut.error().is(Errc::malformed_entry)) << size;
  }
  base::Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_entry(longer));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      base::Bytes changed = good;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ 1 << bit);
      const auto entry = decode_entry(changed);
      if (entry) {
        EXPECT_EQ(encode(*entry), changed) << "byte " << at;
      }
    }
  }
}

TEST(Entry, TakesThePlaceOfAnotherWhole) {
  Entry read = sample();
  Entry bare;
  bare.event.outcome.clear();
  ASSERT_TRUE(decode_entry(encode(bare), read));
  EXPECT_EQ(read, bare);
  ASSERT_TRUE(decode_entry(encode(sample()), read));
  EXPECT_EQ(read, sample());
}

TEST(Entry, SaysWhereItIsNone) {
  base::Bytes bad = encode(sample());
  bad[1] = 2;
  const auto entry = decode_entry(bad);
  EXPECT_EQ(entry.error().detail(), "at byte 2: another format");
  EXPECT_FALSE(decode_entry(base::Bytes(kMaxEntry + 1, 0)));
}

TEST(Entry, WhateverHappenedCanBeWritten) {
  Entry entry = sample();
  const std::string hostile = "line\nfeed \x1b[31m caf\xc3\xa9" + std::string(10'000, 'x');
  entry.event.subject = Subject{SubjectType::operator_key, hostile, hostile, hostile};
  entry.event.purpose = entry.event.operation = entry.event.outcome = hostile;
  entry.event.detail = hostile;
  entry.event.key = KeyVersionName{hostile, UINT32_MAX};
  for (std::uint8_t i = 20; i > 0; --i)
    entry.event.evidence.push_back({EvidenceType::order, base::sha256({base::Bytes{i}})});
  entry.event.evidence.push_back(entry.event.evidence.front());
  const base::Bytes bytes = encode(entry);
  EXPECT_LE(bytes.size(), kMaxEntry);
  const Entry read = decode_entry(bytes).value();
  EXPECT_EQ(read.event.detail.substr(0, 22), "line?feed ?[31m caf??x");
  EXPECT_EQ(read.event.detail.size(), kMaxEntryDetail);
  EXPECT_EQ(read.event.evidence.size(), kMaxEntryEvidence);
  EXPECT_EQ(encode(read), bytes);
}

TEST(Evidence, IsNamedByItsHash) {
  const Evidence evidence{EvidenceType::policy, base::to_bytes(base::as_bytes("p"))};
  EXPECT_EQ(evidence_name(evidence.ref().hash),
            "evidence/14/148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940");
  EXPECT_EQ(evidence.ref().type, EvidenceType::policy);
}

}  // namespace
}  // namespace concordat::keyservice::audit
