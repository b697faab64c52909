#include "session/protocols/frost/key_share.hpp"

#include "attest/base/secret_access.hpp"
#include "session/protocols/frost/errc.hpp"
#include "tests/frost/frost_fixture.hpp"

namespace concordat::session::frost {
namespace {

TEST(GroupInfoTest, IsReadAsItWasWritten) {
  for (const auto& [threshold, holders] : {std::pair{2, 2}, {3, 7}, {2, 64}}) {
    const GroupInfo group = test::deal(threshold, holders)[0].group();
    EXPECT_EQ(GroupInfo::decode(group.encoded()).value(), group);
  }
}

TEST(GroupInfoTest, WhatIsNoGroupIsRefused) {
  const base::Bytes encoded = test::deal(2, 3)[0].group().encoded();
  for (std::size_t size = 0; size < encoded.size(); ++size)
    EXPECT_FALSE(GroupInfo::decode(base::BytesView(encoded).first(size))) << size;
  base::Bytes longer = encoded;
  longer.push_back(0);
  EXPECT_TRUE(GroupInfo::decode(longer).error().is(Errc::bad_group));
  // The threshold stands behind the format (1 + 24 bytes) and the key (34).
  for (const std::uint8_t threshold : std::initializer_list<std::uint8_t>{0, 1, 4}) {
    base::Bytes other = encoded;
    ASSERT_EQ(other[1 + 24 + 34], 2);
    other[1 + 24 + 34] = threshold;
    EXPECT_TRUE(GroupInfo::decode(other).error().is(Errc::bad_threshold)) << +threshold;
  }
}

TEST(GroupInfoTest, AThresholdIsTwoAtLeastAndTheHoldersAtMost) {
  for (const auto& [threshold, holders] : {std::pair{1, 3}, {4, 3}, {2, 65}}) {
    const auto polynomial = base::sharing::Polynomial::random(Scalar::random(), threshold).value();
    const auto group = GroupInfo::of(base::sharing::Commitments<Curve>::of(polynomial), holders);
    ASSERT_FALSE(group);
    EXPECT_TRUE(group.error().is(Errc::bad_threshold));
  }
}

TEST(KeyShareTest, SurvivesWhatItsPartyKeeps) {
  for (const KeyShare& share : test::deal(3, 5)) {
    const KeyShare read = KeyShare::decode(share.encoded()).value();
    EXPECT_EQ(read.group(), share.group());
    EXPECT_EQ(read.index(), share.index());
    EXPECT_EQ(read.secret(), share.secret());
  }
}

// A byte of another holder's verification share, or of the public key, may lead to another element.
TEST(KeyShareTest, NoFlippedByteMakesItAnotherShare) {
  const KeyShare share = std::move(test::deal(2, 2)[0]);
  const auto encoded = share.encoded();
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    auto altered = encoded.clone();
    altered.expose_mutable(base::SecretAccess{})[at] ^= 1;
    const auto read = KeyShare::decode(altered);
    if (!read) continue;
    EXPECT_EQ(read->index(), share.index()) << at;
    EXPECT_EQ(read->secret(), share.secret()) << at;
    EXPECT_NE(read->group(), share.group()) << at;
  }
}

TEST(KeyShareTest, MatchesItsVerificationShareOrIsNone) {
  const auto shares = test::deal(2, 3);
  const auto create = [&](Index index, Index of) {
    return KeyShare::create(shares[0].group(), index, shares[of - 1].secret().clone());
  };
  EXPECT_TRUE(create(2, 2));
  for (const auto& [index, of] : {std::pair{1u, 2u}, {0u, 1u}, {4u, 1u}}) {
    const auto refused = create(index, of);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(Errc::wrong_share));
  }
}

}  // namespace
}  // namespace concordat::session::frost
