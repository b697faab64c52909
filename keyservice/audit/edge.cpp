#include "keyservice/audit/edge.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

Error damaged(const Tile& tile, std::string_view why) {
  return Error(Errc::file_damaged, path_of(tile) + ": " + std::string(why));
}

Result<std::vector<Hash>> hashes_of(const Tile& tile, const Bytes& content) {
  auto hashes = decode_hashes(content);
  if (!hashes || hashes->size() != tile.width) {
    return damaged(tile, std::to_string(content.size()) + " bytes");
  }
  return *std::move(hashes);
}

// Of the bundle's entries, which must be those of the tile at level 0.
Result<Entry> last_entry(const Tile& tile, const Bytes& content, const std::vector<Hash>& leaves) {
  std::vector<BytesView> entries;
  const Status split = split_bundle(content, entries);
  if (!split) return damaged(tile, split.error().to_string());
  if (entries.size() != leaves.size()) {
    return damaged(tile, std::to_string(entries.size()) + " entries");
  }
  TreeHasher hasher;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (hasher.leaf(entries[i]) != leaves[i]) {
      return damaged(tile, "entry " + std::to_string(i) + " of it is not what its tile says");
    }
  }
  auto entry = decode_entry(entries.back());
  if (!entry) return damaged(tile, entry.error().to_string());
  return entry;
}

}  // namespace

std::vector<Tile> edge_tiles(std::uint64_t size) {
  std::vector<Tile> out;
  if (size == 0) return out;
  const auto last_of = [](unsigned level, std::uint64_t count) {
    return Tile{level, (count - 1) / kTileWidth,
                static_cast<std::size_t>((count - 1) % kTileWidth) + 1};
  };
  out.push_back(last_of(Tile::kEntries, size));
  for (unsigned level = 0; size != 0; ++level, size >>= kTileHeight)
    out.push_back(last_of(level, size));
  return out;
}

Result<Edge> restore_edge(const Checkpoint& checkpoint, const std::map<Tile, Bytes>& files) {
  Edge edge;
  const std::vector<Tile> tiles = edge_tiles(checkpoint.size);
  if (tiles.empty()) {
    if (checkpoint.root == empty_root()) return edge;
    return Error(Errc::file_damaged, "the checkpoint gives the empty log another root");
  }
  std::vector<std::vector<Hash>> by_level;
  std::vector<std::vector<Hash>> partial;
  for (std::size_t i = 1; i < tiles.size(); ++i) {
    CONCORDAT_TRY(std::vector<Hash> hashes, hashes_of(tiles[i], files.at(tiles[i])));
    partial.push_back(tiles[i].is_partial() ? hashes : std::vector<Hash>());
    by_level.push_back(std::move(hashes));
  }
  edge.tree = TileTree(checkpoint.size, std::move(partial));
  if (edge.tree.root() != checkpoint.root) {
    return Error(Errc::file_damaged, "the tiles at the right edge lead to the root " +
                                         edge.tree.root().hex() + ", the checkpoint says " +
                                         checkpoint.root.hex());
  }
  // What is full is not in the edge's root by itself, but as the last hash of the tile above.
  for (std::size_t level = by_level.size() - 1; level-- > 0;) {
    if (tiles[level + 1].is_partial()) continue;
    if (edge.tree.hasher().root_of(by_level[level]) != by_level[level + 1].back()) {
      return damaged(tiles[level + 1], "not what the tile above says");
    }
  }
  CONCORDAT_TRY(edge.last, last_entry(tiles[0], files.at(tiles[0]), by_level[0]));
  if (tiles[0].is_partial()) edge.bundle = files.at(tiles[0]);
  return edge;
}

}  // namespace concordat::keyservice::audit
