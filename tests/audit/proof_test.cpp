// Proofs made from tiles verify, and nothing near them does.
#include "keyservice/audit/proof.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/audit/tree_vectors.hpp"

namespace concordat::keyservice::audit {
namespace {

// A log's tiles, as files would hold them.
class Tiles {
 public:
  explicit Tiles(std::uint64_t size) {
    for (std::uint64_t i = 0; i < size; ++i) {
      leaves_.push_back(tree_.hasher().leaf(test::numbered_entry(i)));
      tree_.append(leaves_.back(), [this](const Tile& tile, std::span<const Hash> hashes) {
        tiles_[tile] = {hashes.begin(), hashes.end()};
      });
    }
    for (unsigned level = 0; level < kMaxTileLevels; ++level) {
      const auto& hashes = tree_.partial()[level];
      if (!hashes.empty()) tiles_[{level, tile_row(size, level).full, hashes.size()}] = hashes;
    }
  }

  [[nodiscard]] ProofMaker proofs() const {
    return {leaves_.size(), [this](const Tile& tile) -> base::Result<std::vector<Hash>> {
              const auto found = tiles_.find(tile);
              if (found == tiles_.end()) return base::Error(Errc::file_missing, path_of(tile));
              return found->second;
            }};
  }
  [[nodiscard]] const std::vector<Hash>& leaves() const { return leaves_; }
  [[nodiscard]] Hash root(std::uint64_t size) const {
    return test::defined_root(std::span(leaves_).first(size));
  }
  std::map<Tile, std::vector<Hash>>& tiles() { return tiles_; }

 private:
  TileTree tree_;
  std::vector<Hash> leaves_;
  std::map<Tile, std::vector<Hash>> tiles_;
};

Hash flipped(const Hash& hash) {
  Hash out = hash;
  out.mutable_view()[7] ^= 0x10;
  return out;
}

// Every proof that differs from a good one in one place.
std::vector<Proof> mutations(const Proof& good) {
  std::vector<Proof> out;
  for (std::size_t i = 0; i < good.size(); ++i) {
    out.push_back(good);
    out.back()[i] = flipped(good[i]);
    out.push_back(good);
    out.back().erase(out.back().begin() + static_cast<std::ptrdiff_t>(i));
    if (i != 0) {
      out.push_back(good);
      std::swap(out.back()[i - 1], out.back()[i]);
    }
  }
  out.push_back(good);
  out.back().push_back(empty_root());
  return out;
}

void expect_inclusion(const Tiles& tiles, std::uint64_t index, std::uint64_t size) {
  const Proof proof = tiles.proofs().inclusion(index, size).value();
  const Hash& leaf = tiles.leaves()[index];
  const Hash root = tiles.root(size);
  ASSERT_TRUE(verify_inclusion(index, size, leaf, proof, root)) << index << " of " << size;
  EXPECT_FALSE(verify_inclusion(index, size, flipped(leaf), proof, root));
  EXPECT_FALSE(verify_inclusion(index, size, leaf, proof, flipped(root)));
  EXPECT_FALSE(verify_inclusion(size, size, leaf, proof, root));
  if (size > 1) {
    EXPECT_FALSE(verify_inclusion(index ^ 1, size, leaf, proof, root));
  }
  for (const Proof& bad : mutations(proof))
    EXPECT_FALSE(verify_inclusion(index, size, leaf, bad, root)) << index << " of " << size;
}

void expect_consistency(const Tiles& tiles, std::uint64_t from, std::uint64_t to) {
  const Proof proof = tiles.proofs().consistency(from, to).value();
  const Hash from_root = tiles.root(from);
  const Hash to_root = tiles.root(to);
  ASSERT_TRUE(verify_consistency(from, to, from_root, to_root, proof)) << from << " to " << to;
  EXPECT_FALSE(verify_consistency(from, to, flipped(from_root), to_root, proof));
  if (from != 0) {
    EXPECT_FALSE(verify_consistency(from, to, from_root, flipped(to_root), proof));
  }
  if (from != to) {
    EXPECT_FALSE(verify_consistency(to, from, to_root, from_root, proof));
  }
  for (const Proof& bad : mutations(proof))
    EXPECT_FALSE(verify_consistency(from, to, from_root, to_root, bad)) << from << " to " << to;
}

TEST(Proof, EveryOneOfSmallTrees) {
  const Tiles tiles(40);
  for (std::uint64_t size = 0; size <= 40; ++size) {
    EXPECT_EQ(tiles.proofs().root(size).value(), tiles.root(size));
    for (std::uint64_t other = 0; other <= size; ++other) {
      if (other < size) expect_inclusion(tiles, other, size);
      expect_consistency(tiles, other, size);
    }
  }
}

TEST(Proof, ManyOfTreesOverSeveralTiles) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const std::uint64_t whole : {255U, 256U, 257U, 511U, 1024U, 1500U}) {
    const Tiles tiles(whole);
    for (int round = 0; round < 40; ++round) {
      const std::uint64_t size = 1 + random() % whole;
      expect_inclusion(tiles, random() % size, size);
      expect_consistency(tiles, random() % (size + 1), size);
    }
    expect_inclusion(tiles, whole - 1, whole);
    expect_consistency(tiles, whole - 1, whole);
  }
}

TEST(Proof, OfATreeOfThreeLevels) {
  const Tiles tiles(70'000);
  EXPECT_EQ(tiles.proofs().root(70'000).value(), tiles.root(70'000));
  for (const std::uint64_t index : {0U, 255U, 256U, 65'535U, 65'536U, 69'999U})
    expect_inclusion(tiles, index, 70'000);
  for (const std::uint64_t from : {1U, 256U, 65'536U, 65'537U, 69'888U})
    expect_consistency(tiles, from, 70'000);
}

TEST(Proof, NeedsTheTilesThatItNeeds) {
  Tiles tiles(600);
  ASSERT_EQ(tiles.tiles().erase({0, 1, kTileWidth}), 1U);
  EXPECT_TRUE(tiles.proofs().inclusion(0, 600));  // takes that tile's hash from level 1
  EXPECT_TRUE(tiles.proofs().inclusion(300, 600).error().is(Errc::file_missing));
  tiles.tiles()[{0, 2, 88}].pop_back();
  EXPECT_TRUE(tiles.proofs().inclusion(590, 600).error().is(Errc::file_damaged));
  EXPECT_TRUE(tiles.proofs().inclusion(600, 600).error().is(Errc::out_of_range));
  EXPECT_TRUE(tiles.proofs().inclusion(1, 601).error().is(Errc::out_of_range));
  EXPECT_TRUE(tiles.proofs().consistency(2, 1).error().is(Errc::out_of_range));
}

}  // namespace
}  // namespace concordat::keyservice::audit
