// The right edge of a log: what of its files it takes to go on from a checkpoint, and their proof.
#pragma once

#include <map>
#include <optional>

#include "keyservice/audit/checkpoint.hpp"
#include "keyservice/audit/entry.hpp"
#include "keyservice/audit/tile.hpp"

namespace concordat::keyservice::audit {

// The last bundle and the last tile of each level of a tree of `size`.
[[nodiscard]] std::vector<Tile> edge_tiles(std::uint64_t size);

struct Edge {
  TileTree tree;
  base::Bytes bundle;         // of the entries in the partial tile at level 0
  std::optional<Entry> last;  // nullopt: the log is empty
};
// `files`: the content of each of edge_tiles(checkpoint.size). file_damaged names the one that does
// not lead to the checkpoint's root.
[[nodiscard]] base::Result<Edge> restore_edge(const Checkpoint& checkpoint,
                                              const std::map<Tile, base::Bytes>& files);

}  // namespace concordat::keyservice::audit
