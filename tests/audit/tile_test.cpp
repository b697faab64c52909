// Names, bundles and the right edge of a tree in tiles, with the figures of tlog-tiles.
#include "keyservice/audit/tile.hpp"

#include <gtest/gtest.h>

#include "tests/audit/tree_vectors.hpp"

namespace concordat::keyservice::audit {
namespace {

TEST(Tile, Paths) {
  EXPECT_EQ(path_of({0, 0, 256}), "tile/0/000");
  EXPECT_EQ(path_of({3, 1'234'067, 256}), "tile/3/x001/x234/067");
  EXPECT_EQ(path_of({0, 273, 112}), "tile/0/273.p/112");
  EXPECT_EQ(path_of({Tile::kEntries, 1000, 1}), "tile/entries/x001/000.p/1");
  for (const Tile& tile : {Tile{0, 0, 256}, Tile{63, 999, 255}, Tile{1, 1'000'000, 256},
                           Tile{Tile::kEntries, kMaxTreeSize / 256, 7}}) {
    EXPECT_EQ(parse_tile_path(path_of(tile)).value(), tile);
  }
  for (const char* path : {"",
                           "tile",
                           "tile/",
                           "tile/0",
                           "tile/0/",
                           "tile/0/0",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/0/x001/",
                           "tile/0/x000/001",
                           "tile/0/001/x000",
                           "tile/64/000",
                           "tile/00/000",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p/",
                           "tile/0/000/",
                           "tile/0/+01",
                           "tile/0/ 01",
                           "tile/-1/000",
                           "tile/data/000",
                           "/tile/0/000",
                           "tile/0/x999/x999/x999/x999/x999/x999/x999/999"}) {
    EXPECT_FALSE(parse_tile_path(path)) << path;
  }
}

TEST(Tile, RowsOfATree) {
  // The example of tlog-tiles: a tree of 70,000.
  EXPECT_EQ(tile_row(70'000, 0).full, 273U);
  EXPECT_EQ(tile_row(70'000, 0).partial, 112U);
  EXPECT_EQ(tile_row(70'000, 1).full, 1U);
  EXPECT_EQ(tile_row(70'000, 1).partial, 17U);
  EXPECT_EQ(tile_row(70'000, 2).full, 0U);
  EXPECT_EQ(tile_row(70'000, 2).partial, 1U);
  EXPECT_EQ(tile_row(70'000, 3).partial, 0U);
  EXPECT_EQ(tile_row(256, 0).partial, 0U);
  EXPECT_EQ(tile_row(256, 1).partial, 1U);
  EXPECT_EQ(tile_row(70'000, Tile::kEntries).full, 273U);
  EXPECT_EQ(tile_row(kMaxTreeSize, 8).partial, 0U);
  EXPECT_EQ(tile_at(70'000, 1, 1).value(), (Tile{1, 1, 17}));
  EXPECT_TRUE(tile_at(70'000, 1, 2).error().is(Errc::out_of_range));
}

TEST(Tile, BundlesAreLengthsAndEntries) {
  base::Bytes bundle;
  append_to_bundle(bundle, base::as_bytes("ab"));
  append_to_bundle(bundle, {});
  append_to_bundle(bundle, base::Bytes(0x1234, 7));
  EXPECT_EQ(base::to_hex(base::BytesView(bundle).first(8)), "0002616200001234");
  std::vector<base::BytesView> entries;
  ASSERT_TRUE(split_bundle(bundle, entries));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(base::as_text(entries[0]), "ab");
  EXPECT_TRUE(entries[1].empty());
  EXPECT_EQ(entries[2].size(), 0x1234U);
}

TEST(Tile, ABundleThatEndsEarlySaysWhere) {
  base::Bytes bundle;
  append_to_bundle(bundle, base::as_bytes("ab"));
  append_to_bundle(bundle, base::as_bytes("cd"));
  std::vector<base::BytesView> entries;
  const auto cut = split_bundle(base::BytesView(bundle).first(7), entries);
  ASSERT_TRUE(cut.error().is(Errc::malformed_bundle));
  EXPECT_NE(cut.error().detail().find("entry 1 of the bundle, at byte 4"), std::string::npos)
      << cut.error().detail();
  EXPECT_EQ(entries.size(), 1U);
  EXPECT_FALSE(split_bundle(base::BytesView(bundle).first(5), entries));
  for (int i = 0; i < 256; ++i)
    append_to_bundle(bundle, {});
  EXPECT_FALSE(split_bundle(bundle, entries));
}

TEST(TileTree, FullTilesAreTheDefinedHashes) {
  TileTree tree;
  std::vector<Hash> leaves;
  std::size_t full = 0;
  for (std::uint64_t i = 0; i < 66'000; ++i) {
    leaves.push_back(tree.hasher().leaf(test::numbered_entry(i)));
    tree.append(leaves.back(), [&](const Tile& tile, std::span<const Hash> hashes) {
      ++full;
      ASSERT_EQ(tile.index, tile_row(i + 1, tile.level).full - 1);
      const std::size_t count = tile.level == 0 ? 1 : 256;
      const std::size_t first = tile.index * 256 * count;
      ASSERT_EQ(hashes.size(), kTileWidth);
      ASSERT_EQ(hashes[3], test::defined_root(
                               std::span<const Hash>(leaves).subspan(first + 3 * count, count)));
    });
  }
  EXPECT_EQ(full, 66'000 / 256 + 1);
  EXPECT_EQ(tree.root(), test::defined_root(leaves));
}

TEST(TileTree, GoesOnFromItsPartialTiles) {
  for (const std::uint64_t size : {0U, 1U, 100U, 255U, 256U, 257U, 1000U, 65'536U, 65'801U}) {
    TileTree whole;
    for (std::uint64_t i = 0; i < size; ++i)
      whole.append(whole.hasher().leaf(test::numbered_entry(i)));
    TileTree again(size, whole.partial());
    EXPECT_EQ(again.size(), size);
    EXPECT_EQ(again.root(), whole.root()) << size;
    for (std::uint64_t i = size; i < size + 300; ++i) {
      const Hash leaf = whole.hasher().leaf(test::numbered_entry(i));
      whole.append(leaf);
      again.append(leaf);
      ASSERT_EQ(again.root(), whole.root()) << size << " and then " << i;
    }
    EXPECT_EQ(again.partial(), whole.partial());
  }
}

}  // namespace
}  // namespace concordat::keyservice::audit
