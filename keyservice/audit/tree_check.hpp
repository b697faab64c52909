// Whether entries, tiles and a checkpoint's root are of one tree; and where they are not, which of
// them is at fault.
//
// Three say what an entry's hash is: the entry, the tile at level 0, and what is above that tile.
// Where the first two differ the third decides, and for the last, partial tile the checkpoint.
#pragma once

#include "keyservice/audit/checkpoint.hpp"
#include "keyservice/audit/finding_list.hpp"
#include "keyservice/audit/source.hpp"
#include "keyservice/audit/tile.hpp"

namespace concordat::keyservice::audit {

class TreeCheck {
 public:
  // Every entry that the tree is of, in order; `is_there`: with its very bytes. During the call
  // root() is that of the entries before.
  using OnEntry = std::function<void(std::uint64_t index, base::BytesView entry, bool is_there)>;

  TreeCheck(Source& source, Checkpoint checkpoint, FindingList& findings)
      : source_(source), checkpoint_(std::move(checkpoint)), findings_(findings) {}

  void run(const OnEntry& on_entry);
  [[nodiscard]] Hash root() { return tree_.root(); }
  // Whether the checkpoint needs a file of this name.
  [[nodiscard]] bool needs(const std::string& name) const;

 private:
  struct Bundle;
  // A hash of a tile that differs from what is below it.
  struct Disagreement {
    Tile tile;
    std::size_t at;
    Hash found, below;
  };

  void check_bundle(const Tile& tile, const OnEntry& on_entry);
  void read_entries(Bundle& bundle);
  [[nodiscard]] bool is_tile_right(const Bundle& bundle);
  void tell_differences(const Bundle& bundle);
  void check_tile(const Tile& tile, std::span<const Hash> below);
  void tell_disagreements();
  [[nodiscard]] std::optional<base::Bytes> read(const std::string& name, std::size_t max);
  [[nodiscard]] std::optional<std::vector<Hash>> read_tile(const Tile& tile);
  // What the tile above says of a full one; nullopt when it cannot be told.
  [[nodiscard]] std::optional<Hash> hash_above(const Tile& tile);

  Source& source_;
  Checkpoint checkpoint_;
  FindingList& findings_;
  TileTree tree_;
  std::vector<Disagreement> disagreements_;
};

}  // namespace concordat::keyservice::audit
