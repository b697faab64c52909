// Where a tree lies in files (https://c2sp.org/tlog-tiles): tiles of 256 hashes and bundles of as
// many entries, the last ones partial.
//
//   tile/<L>/<N>[.p/<W>]         hashes: of leaves at level 0, of full tiles below at others
//   tile/entries/<N>[.p/<W>]     entries, each behind its length (16 bits, big-endian)
//
// N in groups of three digits, all but the last with an "x": x001/x234/067.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "keyservice/audit/merkle.hpp"

namespace concordat::keyservice::audit {

inline constexpr std::string_view kCheckpointName = "checkpoint";
inline constexpr std::string_view kTilePrefix = "tile/";

struct Tile {
  // Level of a bundle of entries, beside those of tiles.
  static constexpr unsigned kEntries = 64;

  unsigned level = 0;
  std::uint64_t index = 0;
  std::size_t width = kTileWidth;  // 1 to 255: partial

  [[nodiscard]] bool is_partial() const noexcept { return width != kTileWidth; }
  friend auto operator<=>(const Tile&, const Tile&) = default;
};
[[nodiscard]] std::string path_of(const Tile& tile);
// The one spelling of it; malformed_tile_path otherwise.
[[nodiscard]] base::Result<Tile> parse_tile_path(std::string_view path);

// How many tiles at `level` are full in a tree of `size`, and how wide the next one is (0: there is
// none).
struct TileRow {
  std::uint64_t full = 0;
  std::size_t partial = 0;
};
[[nodiscard]] TileRow tile_row(std::uint64_t size, unsigned level) noexcept;
// The tile with this index at this level, as wide as a tree of `size` has it; out_of_range when it
// has none.
[[nodiscard]] base::Result<Tile> tile_at(std::uint64_t size, unsigned level, std::uint64_t index);

[[nodiscard]] base::Bytes encode_hashes(std::span<const Hash> hashes);
// nullopt unless it is whole hashes, 1 to 256.
[[nodiscard]] std::optional<std::vector<Hash>> decode_hashes(base::BytesView tile);

// Appends an entry of at most kMaxForeignEntry bytes.
void append_to_bundle(base::Bytes& bundle, base::BytesView entry);
// Views into `bundle`. malformed_bundle says at which entry and byte, and `entries` holds what came
// before that.
[[nodiscard]] base::Status split_bundle(base::BytesView bundle,
                                        std::vector<base::BytesView>& entries);

// A growing tree and the tiles at its right edge.
class TileTree {
 public:
  // A tile that is full: none of its hashes will ever change.
  using OnFull = std::function<void(const Tile& tile, std::span<const Hash> hashes)>;

  TileTree();
  // From the partial tiles of a tree of `size`, by level; each as wide as tile_row says.
  TileTree(std::uint64_t size, std::vector<std::vector<Hash>> partial);

  void append(const Hash& leaf, const OnFull& on_full = {});
  [[nodiscard]] std::uint64_t size() const noexcept { return range_.size(); }
  [[nodiscard]] Hash root() { return range_.root(hasher_); }
  [[nodiscard]] TreeHasher& hasher() noexcept { return hasher_; }
  // By level: what is in the partial tile, perhaps nothing.
  [[nodiscard]] const std::vector<std::vector<Hash>>& partial() const noexcept { return partial_; }

 private:
  TreeHasher hasher_;
  CompactRange range_;
  std::vector<std::vector<Hash>> partial_;
};

}  // namespace concordat::keyservice::audit
