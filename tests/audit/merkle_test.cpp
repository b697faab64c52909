// Trees and their roots as RFC 6962 defines them.
#include "keyservice/audit/merkle.hpp"

#include <gtest/gtest.h>

#include "tests/audit/tree_vectors.hpp"

namespace concordat::keyservice::audit {
namespace {

TEST(Merkle, KnownRoots) {
  TreeHasher hasher;
  CompactRange range;
  EXPECT_EQ(range.root(hasher).hex(), test::kVectorRoots[0]);
  for (std::size_t i = 0; i < std::size(test::kVectorLeaves); ++i) {
    range.append(hasher.leaf(base::from_hex(test::kVectorLeaves[i]).value()), hasher);
    EXPECT_EQ(range.root(hasher).hex(), test::kVectorRoots[i + 1]) << i + 1 << " leaves";
  }
}

TEST(Merkle, AppendingMakesTheDefinedRootAtEverySize) {
  TreeHasher hasher;
  CompactRange range;
  std::vector<Hash> leaves;
  for (std::uint64_t i = 0; i < 600; ++i) {
    leaves.push_back(hasher.leaf(test::numbered_entry(i)));
    range.append(leaves.back(), hasher);
    ASSERT_EQ(range.size(), i + 1);
    ASSERT_EQ(range.root(hasher), test::defined_root(leaves)) << i + 1 << " leaves";
    ASSERT_EQ(hasher.root_of(leaves), test::defined_root(leaves)) << i + 1 << " leaves";
  }
}

TEST(Merkle, EveryCompleteNodeIsSeenOnce) {
  TreeHasher hasher;
  CompactRange range;
  std::vector<Hash> leaves;
  std::vector<std::size_t> seen(10);
  for (std::uint64_t i = 0; i < 512; ++i) {
    leaves.push_back(hasher.leaf(test::numbered_entry(i)));
    range.append(leaves.back(), hasher, [&](unsigned height, const Hash& hash) {
      const std::size_t count = std::size_t{1} << height;
      const auto subtree = std::span(leaves).subspan(count * seen.at(height)++, count);
      ASSERT_EQ(hash, test::defined_root(subtree)) << height;
    });
  }
  for (unsigned height = 0; height < seen.size(); ++height)
    EXPECT_EQ(seen[height], 512U >> height);
}

TEST(Merkle, ALeafIsNoNode) {
  TreeHasher hasher;
  const Hash left = hasher.leaf(test::numbered_entry(1));
  const Hash right = hasher.leaf(test::numbered_entry(2));
  base::Bytes both = base::to_bytes(left.view());
  base::append(both, right.view());
  EXPECT_NE(hasher.leaf(both), hasher.node(left, right));
}

}  // namespace
}  // namespace concordat::keyservice::audit
